"""By hand, on the results of tests/test_comparison.py."""

import numpy as np
import pandas as pd
import pytest

from pipeline.reports.improvements import improvements_by_item_group, improvements_by_user_group
from pipeline.reports.leaderboard import Result, leader_board
from tests.reports.test_leaderboard import RESULTS


def test_improvements_by_user_group_are_means_over_the_users_of_the_slice() -> None:
    """Differences .2, .2, .05 of users 0, 1, 2; a slice of one user is left out."""
    board = leader_board(RESULTS, "ndcg@20", "pmtrec")
    groups = {"d": {"history": pd.Series(["short", "short", "long", "long"])}}
    gains = improvements_by_user_group(RESULTS, board, "ndcg@20", groups)
    (row,) = gains[gains["method"] == "pmtrec"].to_dict("records")
    assert (row["kind"], row["slice"], row["over"], row["n"], row["worse"]) == ("history", "short", "users", 2, 0.0)
    assert row["baseline"] == pytest.approx(0.2)
    assert row["difference"] == pytest.approx((0.2 + 0.2) / 2)
    assert np.isnan(row["low"]), "which do not vary"


def test_improvements_by_item_group_are_paired_by_seed() -> None:
    """Seeds 0 and 1 are on both sides, with .2 and .3 more; 95% of t with one degree of freedom are within 12.706."""
    of_seeds = {"ease": {0: 0.1, 1: 0.2}, "pmtrec": {0: 0.3, 1: 0.5, 2: 0.9}}
    users = pd.DataFrame({"user": [0, 1], "ndcg@20": [0.1, 0.2]})
    results = [
        Result("d", method, seed, {"ndcg@20": 0.15}, users, {"tail@20": value})
        for method, values in of_seeds.items()
        for seed, value in values.items()
    ]
    board = leader_board(results, "ndcg@20", "pmtrec")
    (row,) = improvements_by_item_group(results, board, 20).to_dict("records")
    place = ("pmtrec", "items", "tail", "recall_tail@20", "seeds", 2)
    assert tuple(row[name] for name in ("method", "kind", "slice", "metric", "over", "n")) == place
    assert row["worse"] == 0
    assert row["baseline"] == pytest.approx((0.1 + 0.2) / 2)
    assert [row["low"], row["difference"], row["high"]] == pytest.approx(
        [0.25 - 12.706 * 0.05, 0.25, 0.25 + 12.706 * 0.05], rel=1e-3
    )
    alone = [result for result in results if result.seed == 0]
    (row,) = improvements_by_item_group(alone, leader_board(alone, "ndcg@20", "pmtrec"), 20).to_dict("records")
    assert row["difference"] == pytest.approx(0.2)
    assert np.isnan(row["low"])
