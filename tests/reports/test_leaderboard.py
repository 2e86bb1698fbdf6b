from math import sqrt

import numpy as np
import pandas as pd
import pytest
import scipy.stats

from pipeline.evaluation.significance import holm
from pipeline.metric_names import PEAK_MEMORY, SECONDS
from pipeline.reports.cost_table import costs
from pipeline.reports.leaderboard import Result, leader_board
from pipeline.reports.markdown import to_markdown


def result(method: str, seed: int, values: list[float], dataset: str = "d") -> Result:
    table = pd.DataFrame({"user": range(len(values)), "ndcg@20": values})
    return Result(dataset, method, seed, {"ndcg@20": sum(values) / len(values)}, table)


RESULTS = [
    result("single_task", 0, [0.1, 0.2, 0.3]),
    result("single_task", 1, [0.3, 0.2, 0.1]),
    result("equal_weights", 0, [0.0, 0.1, 0.2]),
    result("equal_weights", 1, [0.0, 0.1, 0.2]),
    result("pmtrec", 0, [0.4, 0.3, 0.2]),
    result("pmtrec", 1, [0.4, 0.5, 0.3]),
]


def test_means_and_spread_over_seeds() -> None:
    """pmtrec: means .3 and .4, so .35; sample standard deviation sqrt(2 * .05^2)."""
    board = leader_board(RESULTS, "ndcg@20", "pmtrec").set_index("method")
    assert list(board.index) == ["pmtrec", "single_task", "equal_weights"]
    assert board.loc["pmtrec", "ndcg@20"] == pytest.approx((0.3 + 0.4) / 2)
    assert board.loc["pmtrec", "ndcg@20 sd"] == pytest.approx(sqrt(2 * 0.05**2))
    assert board.loc["pmtrec", "n_seeds"] == 2


def test_difference_to_the_best_baseline_is_paired_by_user() -> None:
    """Over seeds: single_task .2 for every user, pmtrec .4, .4, .25: differences .2, .2, .05."""
    board = leader_board(RESULTS, "ndcg@20", "pmtrec").set_index("method")
    row = board.loc["pmtrec"]
    assert row["baseline"] == "single_task"
    assert row["difference"] == pytest.approx((0.2 + 0.2 + 0.05) / 3)
    assert row["relative"] == pytest.approx((0.2 + 0.2 + 0.05) / 3 / 0.2)
    p = [scipy.stats.ttest_1samp(d, 0).pvalue for d in ([0.2, 0.2, 0.05], [-0.2, -0.1, 0.0])]
    assert [row["p"], board.loc["equal_weights", "p"]] == pytest.approx(holm(np.array(p)).tolist())
    assert board["difference"].isna().to_dict() == {"pmtrec": False, "single_task": True, "equal_weights": False}


def test_holm_by_hand() -> None:
    """Sorted .01, .02, .04 times 3, 2, 1: .03, .04, .04 (never falling); capped at 1."""
    assert holm(np.array([0.04, 0.01, 0.02])).tolist() == pytest.approx([0.04, 0.03, 0.04])
    assert holm(np.array([0.9, 0.8])).tolist() == [1.0, 1.0]


def test_ours_alone_has_no_baseline() -> None:
    board = leader_board([result("pmtrec", 0, [0.1, 0.2])], "ndcg@20", "pmtrec")
    assert board["difference"].isna().all()
    assert "| pmtrec | 1 | 0.1500 | - |" in to_markdown(board, ["ndcg@20"], "ndcg@20")


def test_equal_results_differ_by_nothing() -> None:
    board = leader_board([result(m, 0, [0.1, 0.2]) for m in ("pmtrec", "single_task")], "ndcg@20", "pmtrec")
    row = board.set_index("method").loc["pmtrec"]
    assert (row["difference"], row["p"]) == (0.0, 1.0)


def test_each_data_set_has_its_own_baseline() -> None:
    results = [*RESULTS, result("equal_weights", 0, [0.9, 0.8], "e"), result("pmtrec", 0, [0.1, 0.3], "e")]
    board = leader_board(results, "ndcg@20", "pmtrec")
    assert board.groupby("dataset")["baseline"].first().to_dict() == {"d": "single_task", "e": "equal_weights"}


def test_effect_size_users_worse_off_and_seeds_ahead() -> None:
    """Equal weights against single task: -.2, -.1, 0, with standard deviation .1; two of three users are worse off."""
    board = leader_board(RESULTS, "ndcg@20", "pmtrec").set_index("method")
    row = board.loc["equal_weights"]
    assert row["effect"] == pytest.approx(-0.1 / 0.1)
    assert row["worse"] == pytest.approx(2 / 3)
    assert row["better"] == 0
    assert (row["ahead"], board.loc["pmtrec", "ahead"]) == (0, 2)


def test_all_may_be_compared_with_a_method_of_choice() -> None:
    """Single task against pmtrec: -.2, -.2, -.05; pmtrec itself has no difference."""
    board = leader_board(RESULTS, "ndcg@20", "pmtrec", "pmtrec").set_index("method")
    assert board["baseline"].dropna().unique().tolist() == ["pmtrec"]
    assert board.loc["single_task", "difference"] == pytest.approx(-(0.2 + 0.2 + 0.05) / 3)
    assert board["difference"].isna().to_dict() == {"pmtrec": True, "single_task": False, "equal_weights": False}


def test_costs_are_medians_over_the_seeds_up_to_the_best_epoch() -> None:
    """Best epochs 2 and 1 of seeds 0 and 1: after 12 and 20 s; epochs after the first take 2 and 4 s; seed 2 has no times.

    Equal weights take 1.5 s an epoch, half of that.
    """
    quality = {0: [0.1, 0.3, 0.2], 1: [0.3, 0.2, 0.1], 2: [0.1, 0.2, 0.3]}
    histories = {("d", "m", seed): pd.DataFrame({"epoch": [1, 2, 3], "valid/ndcg_at_20": of}) for seed, of in quality.items()}
    histories["d", "equal_weights", 0] = histories["d", "m", 0]
    seconds = {("d", "m", 0): [10.0, 12.0, 14.0], ("d", "m", 1): [20.0, 24.0, 28.0], ("d", "equal_weights", 0): [1.0, 2.5, 4.0]}
    memory = {("d", "m", 0): [100.0, 200.0, 300.0], ("d", "m", 1): [100.0, 100.0, 100.0], ("d", "equal_weights", 0): [1.0] * 3}
    measured = {key: pd.DataFrame({SECONDS: at, PEAK_MEMORY: memory[key]}, index=[1, 2, 3]) for key, at in seconds.items()}
    row, equal = costs(histories, measured).to_dict("records")
    assert row == {
        "dataset": "d",
        "method": "m",
        "epochs": (2 + 1) / 2,
        "seconds": (12 + 20) / 2,
        "seconds_per_epoch": (2 + 4) / 2,
        "peak_memory": (300 + 100) / 2,
        "relative_cost": 3 / 1.5,
    }
    assert equal["relative_cost"] == 1


def test_seeds_are_tested_beside_users() -> None:
    """Of pmtrec by .1 and .2; equal weights are as far from single task with both seeds, which tests nothing."""
    board = leader_board(RESULTS, "ndcg@20", "pmtrec").set_index("method")
    p, p_seeds = float(board["p"]["pmtrec"]), float(board["p_seeds"]["pmtrec"])
    assert p_seeds == pytest.approx(scipy.stats.ttest_1samp([0.1, 0.2], 0).pvalue)
    assert np.isnan(board["p_seeds"]["equal_weights"])
    text = to_markdown(board.reset_index(), ["ndcg@20"], "ndcg@20")
    assert f"p = {p:.2g}, {p_seeds:.2g})" in text


def test_a_baseline_has_no_time_per_epoch() -> None:
    """It is fitted at once, in what would be its only epoch."""
    histories = {("d", "ease", 0): pd.DataFrame({"epoch": [1], "valid/ndcg_at_20": [0.1]})}
    measured = {("d", "ease", 0): pd.DataFrame({SECONDS: [3.0], PEAK_MEMORY: [100.0]}, index=[1])}
    (row,) = costs(histories, measured).to_dict("records")
    assert row["seconds"] == 3
    assert np.isnan([row["seconds_per_epoch"], row["relative_cost"]]).all()
