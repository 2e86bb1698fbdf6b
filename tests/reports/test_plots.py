"""What the pictures show: the lines that are in them."""

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.container import BarContainer

from pipeline.metric_names import PEAK_MEMORY, SECONDS, VALIDATION_METRIC
from pipeline.reports.improvements import improvements_by_user_group
from pipeline.reports.plots import plot_improvements, plot_leader_board, plot_quality, plot_validation, plot_weights

WEIGHT = "train/weight/social/short"


def history(quality: list[float], weights: list[float]) -> pd.DataFrame:
    epochs = range(1, len(quality) + 1)
    return pd.DataFrame({"epoch": epochs, VALIDATION_METRIC: quality, "train/loss/social": 1.0, WEIGHT: weights})


def points(data: Any) -> list[float]:
    return [float(value) for value in np.asarray(data)]


HISTORIES = {
    ("d", "pmtrec", 0): history([0.1, 0.3, 0.2], [1.0, 0.8, 0.6]),
    ("d", "pmtrec", 1): history([0.1, 0.2], [0.8, 0.6]),
}


def test_weights_are_means_over_the_seeds_up_to_the_end_of_the_shortest() -> None:
    (axes,) = plot_weights(HISTORIES, "pmtrec").axes
    (line,) = axes.lines
    assert points(line.get_xdata()) == [1, 2]
    assert points(line.get_ydata()) == [(1.0 + 0.8) / 2, (0.8 + 0.6) / 2]
    assert line.get_label() == "social, short"


def test_validation_has_a_line_per_run_and_a_name_per_method() -> None:
    (axes,) = plot_validation(HISTORIES).axes
    assert [points(line.get_ydata()) for line in axes.lines] == [[0.1, 0.3, 0.2], [0.1, 0.2]]
    assert axes.get_legend_handles_labels()[1] == ["pmtrec"]


def test_quality_is_the_best_so_far_over_the_seconds_of_the_runs_that_have_them() -> None:
    measured = {("d", "pmtrec", 0): pd.DataFrame({SECONDS: [5.0, 6.0, 7.0], PEAK_MEMORY: 1.0}, index=[1, 2, 3])}
    (axes,) = plot_quality(HISTORIES, measured).axes
    (line,) = axes.lines
    assert points(line.get_xdata()) == [5, 6, 7]
    assert points(line.get_ydata()) == [0.1, 0.3, 0.3]


def test_bars_are_the_means_the_best_on_top() -> None:
    rows = [("d", "pmtrec", 5, 0.3, 0.01), ("d", "ease", 5, 0.2, 0.0)]
    board = pd.DataFrame(rows, columns=["dataset", "method", "n_seeds", "ndcg@20", "ndcg@20 sd"])
    (axes,) = plot_leader_board(board, "ndcg@20").axes
    (bars,) = (container for container in axes.containers if isinstance(container, BarContainer))
    assert [bar.get_width() for bar in bars] == [0.2, 0.3]


def test_slices_of_a_few_users_are_left_out() -> None:
    names = improvements_by_user_group([], pd.DataFrame({"dataset": [], "baseline": []}), "ndcg@20", {}).columns
    gain = (0.1, 0.02, 0.01, 0.03, 0.2)
    rows = [("d", "pmtrec", "history", name, "ndcg@20", "users", n, *gain) for name, n in (("short", 50), ("long", 9))]
    rows += [("d", "pmtrec", "items", name, "recall@20", "seeds", n, *gain) for name, n in (("head", 2), ("tail", 5))]
    (axes,) = plot_improvements(pd.DataFrame(rows, columns=names), "pmtrec", "ndcg@20").axes
    assert [label.get_text() for label in axes.get_yticklabels()] == ["history: short (50 users)", "items: tail (5 seeds)"]
