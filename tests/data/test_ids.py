from pipeline.data.ids import UNKNOWN, IdMap


def test_numbers_do_not_depend_on_the_order_of_the_input() -> None:
    first, second = IdMap.of(["10", "9", "a"]), IdMap.of(["a", "10", "9", "9"])
    assert first.numbers(["9", "10", "a"]).tolist() == second.numbers(["9", "10", "a"]).tolist() == [1, 0, 2]


def test_unknown_ids_and_the_way_back() -> None:
    ids = IdMap.of(["x", "NA", ""])
    assert ids.numbers(["NA", "nan", "x"]).tolist() == [1, UNKNOWN, 2]
    assert list(ids.raw([2, 1])) == ["x", "NA"]
    assert len(ids) == 3
