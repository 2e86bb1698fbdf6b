"""The tables that are printed before a training, by hand."""

import pandas as pd
import pytest

from pipeline.data.tables import RawRelation, RawTables
from pipeline.inspection.profile import relations_of, summary


def raw() -> RawTables:
    """Users a, b share items 1, 2; users c, d share items 3, 4; a took 1 twice."""
    log = pd.DataFrame(
        [(u, i) for u, items in (("a", "121"), ("b", "12"), ("c", "34"), ("d", "34")) for i in items],
        columns=["user_id", "item_id"],
    ).astype("str")
    log = log.assign(timestamp=[86_400 * day for day in range(len(log))], rating=[1.0] * len(log))
    friends = [("a", "b"), ("c", "d"), ("a", "a"), ("a", "gone"), ("a", "b")]
    genres = [("1", "x"), ("2", "x"), ("3", "y"), ("4", "y")]
    sides = {
        name: RawRelation(*between, pd.DataFrame(rows, columns=["head_id", "tail_id"]).astype("str"))
        for name, between, rows in (("friends", ("user", "user"), friends), ("genre", ("item", "genre"), genres))
    }
    return RawTables(log, sides)


def test_sizes() -> None:
    found = dict(summary(raw()).itertuples(index=False, name=None))
    assert found["rows"] == "9"
    assert (found["users"], found["items"], found["duplicate interactions"]) == ("4", "4", "1")
    assert found["density"] == "50.000%"
    assert found["dates"] == "1970-01-01 to 1970-01-09"
    assert found["ratings"] == "1 to 1, median 1"


def test_relations() -> None:
    found = relations_of(raw()).set_index("relation")
    friends = found.loc["friends"]
    assert (friends["links"], friends["dangling"], friends["oneself"], friends["repeated"]) == (5, 1, 1, 1)
    assert friends["covers"] == "100.0% of users"
    assert found.loc["genre", "between"] == "item-genre"


def test_lift_of_a_relation_that_says_all_and_of_one_that_says_nothing() -> None:
    """100 users in 10 camps with 5 items each; in its camp one meets eleven times as many friends as among all."""
    log = pd.DataFrame([(f"u{u}", f"i{u // 10 * 5 + j}") for u in range(100) for j in range(5)], columns=["user_id", "item_id"])
    camp = [(f"u{u}", f"u{u // 10 * 10 + (u + j) % 10}") for u in range(100) for j in range(1, 10)]
    anyone = [(f"u{u}", f"u{(u * 7 + j * 11) % 100}") for u in range(100) for j in range(1, 10)]
    sides = {
        name: RawRelation("user", "user", pd.DataFrame(pairs, columns=["head_id", "tail_id"]).astype("str"))
        for name, pairs in (("camp", camp), ("anyone", anyone))
    }
    lift = relations_of(RawTables(log.astype("str"), sides)).set_index("relation")["lift"]
    assert lift["camp"] == pytest.approx(11, rel=0.3)
    assert lift["anyone"] == pytest.approx(1, abs=0.3)
