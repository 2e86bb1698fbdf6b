import numpy as np
import pandas as pd
import pytest

from pipeline.data.preprocessing import Processed, preprocess
from pipeline.data.tables import RawRelation, RawTables
from pipeline.errors import InputError

SETTINGS = {"min_rating": None, "k": 0, "method": "random", "ratios": (0.8, 0.1, 0.1), "seed": 0}


def raw(shuffled: bool = False) -> RawTables:
    pairs = [(f"u{u}", f"i{(u * 7 + j) % 30}") for u in range(20) for j in range(10)]
    table = pd.DataFrame(pairs, columns=["user_id", "item_id"], dtype="str")
    links = pd.DataFrame([("u1", "u2"), ("u3", "gone"), ("u2", "u1")], columns=["head_id", "tail_id"], dtype="str")
    members = pd.DataFrame([("i1", "c"), ("gone", "only-here"), ("i2", "d")], columns=["head_id", "tail_id"], dtype="str")
    relations = {"social": RawRelation("user", "user", links), "category": RawRelation("item", "category", members)}
    return RawTables(table.sample(frac=1, random_state=1) if shuffled else table, relations)


def run(tables: RawTables, **changes: object) -> Processed:
    return preprocess(tables, **SETTINGS | changes)  # type: ignore[arg-type]


def test_parts_are_disjoint_and_together_the_input() -> None:
    split = run(raw()).split
    parts = [set(part.itertuples(index=False, name=None)) for part in (split.train, split.valid, split.test)]
    assert sum(map(len, parts)) == len(set.union(*parts)) == 200
    assert (split.n_users, split.n_items) == (20, 30)


def test_the_order_of_rows_does_not_matter() -> None:
    first, second = run(raw()), run(raw(shuffled=True))
    for part in ("train", "valid", "test"):
        assert getattr(first.split, part).equals(getattr(second.split, part))


def test_links_of_unknown_users_and_items_are_dropped_and_their_types_numbered() -> None:
    processed = run(raw())
    social, category = processed.sides["social"], processed.sides["category"]
    users = processed.ids["user"]
    assert list(zip(users.raw(social.heads), users.raw(social.tails), strict=True)) == [("u1", "u2"), ("u2", "u1")]
    assert list(processed.ids["category"].index) == ["c", "d"]
    assert category.n_tails == 2
    assert social.n_heads == social.n_tails == 20


def test_temporal_split_needs_time_stamps_and_ratings_are_needed_for_a_threshold() -> None:
    with pytest.raises(InputError) as refused:
        run(raw(), method="temporal")
    assert str(refused.value) == "preprocess.split: the data set has no timestamp. Fix: change preprocess.split"
    with pytest.raises(InputError) as refused:
        run(raw(), min_rating=3.0)
    assert str(refused.value) == "preprocess.min_rating: the data set has no rating. Fix: change preprocess.min_rating"


def test_temporal_split_holds_out_the_latest() -> None:
    tables = raw()
    timed = RawTables(tables.interactions.assign(timestamp=np.arange(200, dtype=np.int64)), tables.relations)
    split = run(timed, method="temporal").split
    assert (len(split.train), len(split.valid), len(split.test)) == (160, 20, 20)


def test_an_empty_part_is_refused() -> None:
    tables = raw()
    one = RawTables(tables.interactions.head(1), {})
    with pytest.raises(InputError) as refused:
        run(one)
    expected = "preprocess: the part valid is empty. Fix: change preprocess.ratios or keep more interactions"
    assert str(refused.value) == expected


def test_nothing_left_is_refused() -> None:
    with pytest.raises(InputError) as refused:
        run(raw(), k=50)
    expected = "preprocess: no interaction is left. Fix: lower preprocess.k_core or preprocess.min_rating"
    assert str(refused.value) == expected
