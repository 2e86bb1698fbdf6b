from pipeline.data.ids import UNKNOWN, IdMap


def test_numbers_depend_on_the_order_of_the_input_and_on_no_name() -> None:
    first, second = IdMap.of(["10", "9", "a"]), IdMap.of(["x", "y", "x", "z"])
    assert first.numbers(["9", "10", "a"]).tolist() == second.numbers(["y", "x", "z"]).tolist() == [1, 0, 2]


def test_unknown_ids_and_the_way_back() -> None:
    ids = IdMap.of(["x", "NA", ""])
    assert ids.numbers(["NA", "nan", "x"]).tolist() == [1, UNKNOWN, 0]
    assert list(ids.raw([0, 1])) == ["x", "NA"]
    assert len(ids) == 3
