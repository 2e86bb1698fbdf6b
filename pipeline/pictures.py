"""Pictures for people: the leader board, validation curves, one run's losses and task weights."""

from collections.abc import Mapping

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

__all__ = ["leader_board_picture", "run_picture", "validation_picture"]

_PANEL = (5.2, 3.4)  # inches
_DPI = 130


def leader_board_picture(board: pd.DataFrame, metric: str) -> Figure:
    """Mean of ``metric`` per method, one panel per data set; whiskers are one standard deviation over seeds."""
    panels = list(board.groupby("dataset", sort=False))
    figure = _figure(len(panels))
    for axes, (dataset, rows) in zip(figure.axes, panels, strict=True):
        worst_first = rows.iloc[::-1]
        spread = worst_first[f"{metric} sd"]
        colours = [f"C{sorted(board['method'].unique()).index(method)}" for method in worst_first["method"]]
        axes.barh(
            worst_first["method"],
            worst_first[metric],
            xerr=None if spread.isna().all() else spread,
            color=colours,
            capsize=3,
        )
        for place, value in enumerate(worst_first[metric]):
            axes.text(0.02 * rows[metric].max(), place, f"{value:.4f}", va="center", color="white", fontweight="bold")
        axes.set_title(f"{dataset} (test, seeds: {rows['n_seeds'].max()})")
        axes.set_xlabel(metric)
    return figure


def validation_picture(histories: Mapping[tuple[str, str, int], pd.DataFrame]) -> Figure:
    """Validation NDCG over epochs, one panel per data set, one line per run (data set, method, seed)."""
    datasets = list(dict.fromkeys(dataset for dataset, _, _ in histories))
    methods = sorted({method for _, method, _ in histories})
    figure = _figure(len(datasets))
    for axes, dataset in zip(figure.axes, datasets, strict=True):
        named = set()
        for (of_dataset, method, _), history in histories.items():
            if of_dataset == dataset:
                label = None if method in named else method
                named.add(method)
                axes.plot(history["epoch"], history["valid/ndcg_at_20"], color=f"C{methods.index(method)}", label=label, lw=1.2)
        axes.set_title(dataset)
        _finish(axes, "NDCG@20 on validation")
    return figure


def run_picture(history: pd.DataFrame, title: str) -> Figure:
    """One run: validation NDCG, loss per task, mean task weight, over epochs."""
    figure = _figure(3)
    panels = (("valid/", "NDCG@20 on validation"), ("train/loss/", "training loss"), ("train/weight/", "mean task weight"))
    for axes, (prefix, label) in zip(figure.axes, panels, strict=True):
        for column in history.columns[history.columns.str.startswith(prefix)]:
            axes.plot(history["epoch"], history[column], label=column.removeprefix(prefix))
        _finish(axes, label)
    figure.suptitle(title)
    return figure


def _figure(n_panels: int) -> Figure:
    figure = Figure(figsize=(_PANEL[0] * n_panels, _PANEL[1]), dpi=_DPI, layout="constrained")
    figure.subplots(1, n_panels, squeeze=False)
    return figure


def _finish(axes: Axes, label: str) -> None:
    axes.set_xlabel("epoch")
    axes.set_ylabel(label)
    axes.grid(alpha=0.3)
    axes.legend(fontsize="small")
