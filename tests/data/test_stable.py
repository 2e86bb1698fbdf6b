"""A split that keeps what it has said, and users and items that are only linked yet."""

import numpy as np
import pandas as pd

from pipeline.data.preprocessing import preprocess
from pipeline.data.relation import ITEM, USER
from pipeline.data.splitting import Splitting
from pipeline.data.tables import RawRelation, RawTables

STABLE = Splitting("stable", (0.7, 0.1, 0.2))


def log(n: int) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    table = pd.DataFrame({"user_id": rng.integers(0, 300, n), "item_id": rng.integers(0, 150, n)}).astype(str)
    return table.drop_duplicates(ignore_index=True).astype("str")


def parts(table: pd.DataFrame, splitting: Splitting) -> dict[tuple[str, str], str]:
    found = preprocess(RawTables(table), min_rating=None, k=0, splitting=splitting)
    users, items = found.ids[USER].index, found.ids[ITEM].index
    return {
        (users[user], items[item]): part
        for part in ("train", "valid", "test")
        for user, item in getattr(found.split, part)[["user", "item"]].to_numpy()
    }


def test_rows_that_are_appended_move_no_other() -> None:
    every = log(6000)
    before, after = parts(every[:-31], STABLE), parts(every, STABLE)
    assert len(after) == len(before) + 31
    assert {pair: after[pair] for pair in before} == before
    moved = parts(every, Splitting()).items() - parts(every[:-31], Splitting()).items()
    assert len(moved) > 500, "as the random split does"


def test_neither_do_other_orders_or_rows_that_are_removed() -> None:
    every = log(6000)
    before = parts(every, STABLE)
    assert parts(every.sample(frac=1, random_state=0, ignore_index=True), STABLE) == before
    fewer = parts(every[::2].reset_index(drop=True), STABLE)
    assert all(before[pair] == part for pair, part in fewer.items())


def test_shares_are_those_asked_for_and_a_seed_gives_another_split() -> None:
    found = pd.Series(parts(log(6000), STABLE)).value_counts(normalize=True)
    assert abs(found["train"] - 0.7) < 0.02
    assert abs(found["test"] - 0.2) < 0.02
    assert parts(log(6000), Splitting("stable", (0.7, 0.1, 0.2), seed=1)) != parts(log(6000), STABLE)


def test_who_has_links_alone_is_kept_where_one_asks_for_it() -> None:
    table = log(3000)
    friends = pd.DataFrame({"head_id": ["0", "newcomer"], "tail_id": ["1", "0"]}, dtype="str")
    raw = RawTables(table, {"social": RawRelation(USER, USER, friends)})
    kept = preprocess(raw, min_rating=None, k=0, splitting=Splitting(), keep_linked=True)
    dropped = preprocess(raw, min_rating=None, k=0, splitting=Splitting())
    assert kept.ids[USER].index[-1] == "newcomer"
    assert kept.split.n_users == dropped.split.n_users + 1
    assert kept.sides["social"].links.n_edges == dropped.sides["social"].links.n_edges + 1
    pd.testing.assert_frame_equal(kept.split.train, dropped.split.train)
