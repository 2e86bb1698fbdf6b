"""Plots: the leader board, validation curves, one run's losses and task weights."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullFormatter

from pipeline.evaluation.activity import ACTIVITY_GROUPS
from pipeline.metric_names import SECONDS, VALIDATION_METRIC
from pipeline.reports.colours import colour

__all__ = [
    "plot_leader_board",
    "plot_quality",
    "plot_run",
    "save_run_plot",
    "plot_improvements",
    "plot_validation",
    "plot_weights",
]

Key = tuple[str, str, int]  # data set, method, seed

_PANEL = (5.2, 3.4)  # inches
_DPI = 130
_FEWEST = {"users": 10, "seeds": 3}
_STYLES = dict(zip(ACTIVITY_GROUPS, (":", "--", "-"), strict=True))


def plot_leader_board(board: pd.DataFrame, metric: str) -> Figure:
    """Mean of ``metric`` per method, one panel per data set; error bars show one standard deviation over seeds."""
    panels = list(board.groupby("dataset", sort=False))
    figure = _figure(len(panels))
    for axes, (dataset, rows) in zip(figure.axes, panels, strict=True):
        worst_first = rows.iloc[::-1]
        spread = worst_first[f"{metric} sd"]
        axes.barh(
            worst_first["method"],
            worst_first[metric],
            xerr=None if spread.isna().all() else spread,
            color=[colour(method) for method in worst_first["method"]],
            capsize=3,
        )
        for place, value in enumerate(worst_first[metric]):
            axes.text(0.02 * rows[metric].max(), place, f"{value:.4f}", va="center", color="white", fontweight="bold")
        axes.set_title(f"{dataset} (test, seeds: {rows['n_seeds'].max()})")
        axes.set_xlabel(metric)
    return figure


def plot_improvements(gains: pd.DataFrame, method: str, metric: str) -> Figure:
    """Improvement of ``method`` over the best baseline by user and item slice, with 95% intervals, one panel per data set.

    Intervals are over users for user slices and over seeds for item slices, for which recall is shown. Slices with too few
    users or seeds, whose wide intervals would dwarf all others, appear in the table only.
    """
    shown = gains[(gains["method"] == method) & (gains["n"] >= gains["over"].map(_FEWEST))]
    panels = list(shown.groupby("dataset", sort=False))
    figure = _figure(max(len(panels), 1))
    for axes, (dataset, rows) in zip(figure.axes, panels, strict=False):
        names = [f"{row['kind']}: {row['slice']} ({row['n']:,} {row['over']})" for row in rows.to_dict("records")]
        error = [rows["difference"] - rows["low"], rows["high"] - rows["difference"]]
        axes.errorbar(rows["difference"], names, xerr=error, fmt="o", capsize=3, color=colour(method))
        axes.axvline(0, color="black", lw=0.8)
        axes.invert_yaxis()
        axes.set_title(f"{dataset}: {method} - best baseline")
        axes.set_xlabel(f"{metric}; recall for item slices")
        axes.grid(alpha=0.3)
    return figure


def plot_validation(histories: Mapping[Key, pd.DataFrame]) -> Figure:
    """Validation NDCG over epochs, one panel per data set, one line per run."""
    curves = {key: (history["epoch"], history[VALIDATION_METRIC]) for key, history in histories.items()}
    return _curves(histories, curves, "epoch", "validation NDCG@20")


def plot_quality(histories: Mapping[Key, pd.DataFrame], measured: Mapping[Key, pd.DataFrame]) -> Figure:
    """Best validation NDCG so far over training time, one panel per data set, one line per run with known times."""
    curves = {
        key: (histories[key]["epoch"].map(table[SECONDS]), histories[key][VALIDATION_METRIC].cummax())
        for key, table in measured.items()
    }
    figure = _curves(histories, curves, "training time (s)", "best validation NDCG@20")
    for axes in figure.axes:
        axes.set_xscale("log")
        axes.xaxis.set_minor_formatter(NullFormatter())  # minor tick labels would overlap
    return figure


def plot_weights(histories: Mapping[Key, pd.DataFrame], method: str) -> Figure:
    """Task weights of a method over epochs by user slice, averaged over seeds, one panel per data set.

    Curves end with the shortest training, so that no mean jumps where a seed drops out.
    """
    datasets = list(dict.fromkeys(dataset for dataset, _, _ in histories))
    figure = _figure(len(datasets))
    for axes, dataset in zip(figure.axes, datasets, strict=True):
        of_seeds = [history for (of, name, _), history in histories.items() if (of, name) == (dataset, method)]
        if of_seeds:
            common = pd.concat([history[: min(map(len, of_seeds))] for history in of_seeds])
            _draw_by_slice(axes, common.groupby("epoch", as_index=False).mean(), "weight", ACTIVITY_GROUPS)
        axes.set_title(f"{dataset}: {method}")
        _finish(axes, "mean task weight")
    return figure


def save_run_plot(history: Path, title: str, path: Path) -> None:
    """``plot_run`` of a ``history.csv``, as a PNG file."""
    plot_run(pd.read_csv(history), title).savefig(path)


def plot_run(history: pd.DataFrame, title: str) -> Figure:
    """One run over its epochs: validation NDCG, loss per task, task weights and cosines with the main task by slice.

    Colours distinguish tasks, the line styles of ``_STYLES`` user slices; other node types are dash-dotted.
    """
    figure = _figure(4, columns=2)
    validation, losses, weights, cosines = figure.axes
    tasks = _tasks(history)
    if VALIDATION_METRIC in history:  # not of a training on all interactions
        validation.plot(history["epoch"], history[VALIDATION_METRIC], color="black")
    for number, task in enumerate(tasks):
        losses.plot(history["epoch"], history[f"train/loss/{task}"], color=f"C{number}", label=task)
    _draw_by_slice(weights, history, "weight")
    _draw_by_slice(cosines, history, "cosine")
    for axes, label in (
        (validation, "validation NDCG@20"),
        (losses, "training loss"),
        (weights, "mean task weight"),
        (cosines, "cosine with the main task"),
    ):
        _finish(axes, label)
    figure.suptitle(f"{title} (short, medium, long: terciles of users by history length)")
    return figure


def _curves(
    keys: Iterable[Key], curves: Mapping[Key, tuple["pd.Series[float]", "pd.Series[float]"]], over: str, label: str
) -> Figure:
    """One panel per data set, a colour per method, a line per run (a dot if it has one epoch)."""
    datasets = list(dict.fromkeys(dataset for dataset, _, _ in keys))
    figure = _figure(len(datasets))
    for axes, dataset in zip(figure.axes, datasets, strict=True):
        named = set()
        for (of_dataset, method, _), (x, y) in curves.items():
            if of_dataset == dataset:
                name = None if method in named else method
                named.add(method)
                axes.plot(x, y, color=colour(method), label=name, lw=1.2, marker="o" if len(x) == 1 else None)
        axes.set_title(dataset)
        _finish(axes, label, over)
    return figure


def _tasks(history: pd.DataFrame) -> list[str]:
    return [name.removeprefix("train/loss/") for name in history.columns if name.startswith("train/loss/")]


def _draw_by_slice(axes: Axes, history: pd.DataFrame, kind: str, slices: Sequence[str] = ()) -> None:
    """Plot the columns ``train/<kind>/<task>/<slice>`` of all slices, or only of the given ones."""
    for number, task in enumerate(_tasks(history)):
        prefix = f"train/{kind}/{task}/"
        for column in history.columns[history.columns.str.startswith(prefix)]:
            part = column.removeprefix(prefix)
            if part in (slices or [part]):
                style = _STYLES.get(part, "-.")
                axes.plot(history["epoch"], history[column], color=f"C{number}", ls=style, lw=1.3, label=f"{task}, {part}")


def _figure(n_panels: int, columns: int | None = None) -> Figure:
    columns = columns or n_panels
    rows = -(-n_panels // columns)
    figure = Figure(figsize=(_PANEL[0] * columns, _PANEL[1] * rows), dpi=_DPI, layout="constrained")
    figure.subplots(rows, columns, squeeze=False)
    return figure


def _finish(axes: Axes, label: str, over: str = "epoch") -> None:
    axes.set_xlabel(over)
    axes.set_ylabel(label)
    axes.grid(alpha=0.3)
    if axes.get_legend_handles_labels()[0]:
        axes.legend(fontsize="x-small", ncols=2 if len(axes.lines) > 6 else 1)  # noqa: PLR2004  # as many as fit in one column
