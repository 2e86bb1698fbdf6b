"""The report that the stage ``compare`` writes: leader board, improvements by group, plots."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd

from pipeline.integrity import write_json
from pipeline.reports.cost_table import costs
from pipeline.reports.html import to_html
from pipeline.reports.improvements import improvements_by_item_group, improvements_by_user_group
from pipeline.reports.leaderboard import Result, leader_board
from pipeline.reports.markdown import to_markdown
from pipeline.reports.plot_data import board_table, curves_table, with_colours
from pipeline.reports.plots import plot_improvements, plot_leader_board, plot_quality, plot_validation, plot_weights

__all__ = ["write_report"]

Key = tuple[str, str, int]  # data set, method, seed
Groups = Mapping[str, Mapping[str, "pd.Series[str]"]]


def write_report(
    folder: Path,
    results: list[Result],
    histories: Mapping[Key, pd.DataFrame],
    measured: Mapping[Key, pd.DataFrame],
    groups: Groups,
    *,
    metrics: Sequence[str],
    metric: str,
    method: str,
    against: str | None,
    lower_is_better: bool = False,
) -> pd.DataFrame:
    """Write all files of the report into an empty folder.

    Args:
        folder: Where to.
        results: Of all data sets, methods and seeds compared.
        histories: (data set, method, seed) -> a row per epoch.
        measured: The same -> time and memory by epoch, where they are known.
        groups: Data set -> kind of group -> group of every user.
        metrics: ``<metric>@<k>``, in the order of the columns.
        metric: The one that decides; its column comes first.
        method: The method that is not a baseline.
        against: The method to compare all others with; ``None``: the best baseline.
        lower_is_better: Whether less of ``metric`` is better.

    Returns:
        The leader board.
    """
    names = [metric, *(name for name in metrics if name != metric)]
    best = leader_board(results, metric, method, lower_is_better=lower_is_better)
    board = leader_board(results, metric, method, against, lower_is_better=lower_is_better) if against else best
    board = board.merge(costs(histories, measured), on=["dataset", "method"], how="left")
    (folder / "leaderboard.md").write_text(to_markdown(board, names, metric), encoding="utf-8")
    board.to_csv(folder / "leaderboard.csv", index=False)
    board.to_json(folder / "leaderboard.json", orient="records", indent=2)
    headline: dict[str, dict[str, float]] = {}  # one number per method, so that `dvc exp show` stays readable
    for row in board.to_dict("records"):
        headline.setdefault(row["dataset"], {})[row["method"]] = row[metric]
    write_json(folder / "metrics.json", headline)
    tables = [improvements_by_item_group(results, best, int(metric.partition("@")[2]))]
    if metric in results[0].per_user:
        tables.insert(0, improvements_by_user_group(results, best, metric, groups))
    improvements = pd.concat(tables)
    with_colours(improvements).to_csv(folder / "improvements.csv", index=False)
    plot_improvements(improvements, method, metric).savefig(folder / "improvements.png")
    plot_leader_board(board, metric).savefig(folder / "leaderboard.png")
    plot_validation(histories).savefig(folder / "validation.png")
    plot_quality(histories, measured).savefig(folder / "quality_time.png")
    plot_weights(histories, method).savefig(folder / "weights.png")
    curves_table(histories).to_csv(folder / "curves.csv", index=False)
    board_table(results, metric, lower_is_better=lower_is_better).to_csv(folder / "board.csv", index=False)
    (folder / "report.html").write_text(to_html(board, names, metric, folder), encoding="utf-8")
    return board
