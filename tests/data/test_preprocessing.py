from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from pipeline.data.preprocessing import preprocess
from pipeline.data.processed import Processed
from pipeline.data.splitting import Splitting
from pipeline.data.tables import RawRelation, RawTables
from pipeline.errors import InputError

SPLITTING = Splitting("random", (0.8, 0.1, 0.1), last_n=1, dates=None, seed=0, cold="keep")


def raw() -> RawTables:
    pairs = [(f"u{u}", f"i{(u * 7 + j) % 30}") for u in range(20) for j in range(10)]
    table = pd.DataFrame(pairs, columns=["user_id", "item_id"], dtype="str")
    links = pd.DataFrame([("u1", "u2"), ("u3", "gone"), ("u2", "u1")], columns=["head_id", "tail_id"], dtype="str")
    members = pd.DataFrame([("i1", "c"), ("gone", "only-here"), ("i2", "d")], columns=["head_id", "tail_id"], dtype="str")
    relations = {"social": RawRelation("user", "user", links), "category": RawRelation("item", "category", members)}
    return RawTables(table, relations)


def run(tables: RawTables, min_rating: float | None = None, k: int = 0, **changes: Any) -> Processed:
    return preprocess(tables, min_rating=min_rating, k=k, splitting=replace(SPLITTING, **changes))


def test_parts_are_disjoint_and_together_the_input() -> None:
    split = run(raw()).split
    parts = [set(part.itertuples(index=False, name=None)) for part in (split.train, split.valid, split.test)]
    assert sum(map(len, parts)) == len(set.union(*parts)) == 200
    assert (split.n_users, split.n_items) == (20, 30)


def test_links_of_unknown_users_and_items_are_dropped_and_their_types_numbered() -> None:
    processed = run(raw())
    social, category = processed.sides["social"].links, processed.sides["category"].links
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


def test_one_item_is_refused() -> None:
    tables = raw()
    one = RawTables(tables.interactions.head(1), {})
    with pytest.raises(InputError) as refused:
        run(one)
    expected = "preprocess: there is only one item, so nothing to rank. Fix: add items, or keep more interactions"
    assert str(refused.value) == expected


def test_nothing_left_is_refused() -> None:
    with pytest.raises(InputError) as refused:
        run(raw(), k=50)
    expected = "preprocess: no interactions are left. Fix: lower preprocess.k_core to 6 or less"
    assert str(refused.value) == expected


def timed(tables: RawTables) -> RawTables:
    moments = np.random.default_rng(0).permutation(len(tables.interactions)).astype(np.int64)
    return RawTables(tables.interactions.sort_values(["user_id", "item_id"]).assign(timestamp=moments), tables.relations)


def relabelled(tables: RawTables) -> RawTables:
    """The same with other ids, whose order is another."""
    users, items = (tables.interactions[name].unique() for name in ("user_id", "item_id"))
    other = {name: f"x{place * 7919 % 10_007:05d}" for place, name in enumerate([*users, *items])}
    log = tables.interactions.assign(**{c: tables.interactions[c].map(other).astype("str") for c in ("user_id", "item_id")})
    return RawTables(log, {})


def raw_parts(processed: Processed) -> dict[str, set[tuple[str, str]]]:
    users, items = processed.ids["user"], processed.ids["item"]
    found = {part: getattr(processed.split, part) for part in ("train", "valid", "test")}
    return {part: set(zip(users.raw(t["user"]), items.raw(t["item"]), strict=True)) for part, t in found.items()}


@pytest.mark.parametrize(
    "changes", [{"method": "temporal"}, {"method": "last_n", "last_n": 2}, {"method": "random"}, {"method": "leave_one_out"}]
)
def test_renaming_all_users_and_items_changes_nothing_but_the_names(changes: dict[str, Any]) -> None:
    tables = timed(raw())
    first, other = run(tables, **changes), run(relabelled(tables), **changes)
    for part in ("train", "valid", "test"):
        assert getattr(first.split, part).equals(getattr(other.split, part))


def test_a_given_split_is_kept_and_a_pair_in_two_parts_is_learnt_from() -> None:
    rows = [("u1", "i1", "train"), ("u1", "i2", "valid"), ("u2", "i1", "test"), ("u1", "i1", "test"), ("u2", "i2", "train")]
    log = pd.DataFrame(rows, columns=["user_id", "item_id", "part"]).astype("str")
    expected = {"train": {("u1", "i1"), ("u2", "i2")}, "valid": {("u1", "i2")}, "test": {("u2", "i1")}}
    assert raw_parts(run(RawTables(log, {}), method="given")) == expected
    with pytest.raises(
        InputError,
        match=r"preprocess\.split: the data set has no split of its own\. Fix: name your own files as valid and test",
    ):
        run(raw(), method="given")


@pytest.mark.parametrize(("cold", "n_test"), [("keep", 3), ("drop", 1)])
def test_cold_users_and_items_follow_the_rule(cold: str, n_test: int, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    train, valid = [("u1", "i1"), ("u2", "i2")], [("u1", "i2")]
    test = [("u2", "i1"), ("new", "i1"), ("u1", "new")]
    rows = [(*pair, part) for part, pairs in (("train", train), ("valid", valid), ("test", test)) for pair in pairs]
    log = pd.DataFrame(rows, columns=["user_id", "item_id", "part"]).astype("str")
    assert len(run(RawTables(log, {}), method="given", cold=cold).split.test) == n_test
    assert "test: 2 of 3 interactions have cold-start users (1) or items (1)" in caplog.text


def test_links_with_oneself_are_dropped_and_weights_stay_with_their_links() -> None:
    links = pd.DataFrame({"head_id": ["u1", "u1", "u2"], "tail_id": ["u1", "u2", "gone"], "weight": [1.0, 2.0, 3.0]})
    links = links.astype({"head_id": "str", "tail_id": "str"})
    side = run(RawTables(raw().interactions, {"friends": RawRelation("user", "user", links, "undirected")})).sides["friends"]
    assert side.kind == "undirected"
    assert side.links.weights is not None
    assert side.links.weights.tolist() == [2.0]
    assert side.links.n_edges == 1


def test_an_empty_part_is_refused() -> None:
    log = raw().interactions.drop_duplicates("user_id")
    with pytest.raises(InputError, match=r"preprocess: the valid part is empty\. Fix: change preprocess\.split"):
        run(RawTables(log, {}))


def test_the_nodes_of_a_type_are_those_of_all_its_relations() -> None:
    genre = pd.DataFrame([("i1", "a"), ("i2", "b")], columns=["head_id", "tail_id"]).astype("str")
    likes = pd.DataFrame([("u1", "b"), ("u2", "c")], columns=["head_id", "tail_id"]).astype("str")
    relations = {
        "genre": RawRelation("item", "tag", genre, "membership"),
        "likes": RawRelation("user", "tag", likes, "membership"),
    }
    found = run(RawTables(raw().interactions, relations))
    assert list(found.ids["tag"].index) == ["a", "b", "c"]
    assert [found.sides[name].links.n_edges for name in ("genre", "likes")] == [2, 2]
    assert {found.sides[name].links.n_tails for name in ("genre", "likes")} == {3}


def test_own_parts_that_are_split_anew_are_said_so(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    run(RawTables(raw().interactions.assign(part="train"), {}))
    assert "own train, valid and test are pooled and split again (preprocess.split is random)" in caplog.text


def test_a_core_that_drops_most_is_remarked_on(caplog: pytest.LogCaptureFixture) -> None:
    pairs = [(f"u{n}", f"i{n}") for n in range(100)] + [(f"v{n}", f"j{k}") for n in range(5) for k in range(5)]
    table = pd.DataFrame(pairs, columns=["user_id", "item_id"], dtype="str")
    run(RawTables(table, {}), k=5)
    line = "preprocess.k_core: 5 drops 80% of the interactions. Fix: lower it if that is not meant"
    assert line in caplog.messages


def test_ties_are_said_and_no_name_decides_them(caplog: pytest.LogCaptureFixture) -> None:
    """Renaming the items keeps every part; `together` says nothing, as nothing is torn."""
    pairs = [(f"u{user}", item, day) for user in range(30) for day in (1, 2, 3) for item in (f"{day}a", f"{day}b", f"{day}c")]
    table = pd.DataFrame(pairs, columns=["user_id", "item_id", "timestamp"]).astype({"user_id": "str", "item_id": "str"})
    renamed = table.assign(item_id=table["item_id"].map(lambda name: name[::-1]).astype("str"))
    one, other = (run(RawTables(of, {}), method="last_n").split for of in (table, renamed))
    for part in ("train", "valid", "test"):
        pd.testing.assert_frame_equal(getattr(one, part), getattr(other, part))
    assert "30 of 30 users have interactions of the same time in several parts" in caplog.text
    caplog.clear()
    together = run(RawTables(table, {}), method="last_n", ties="together").split
    assert [len(part) for part in (together.train, together.valid, together.test)] == [90, 90, 90]
    assert "same time" not in caplog.text
