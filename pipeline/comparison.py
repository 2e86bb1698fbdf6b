"""All results -> one leader board: means and spread over seeds, difference to the best baseline with a paired test."""

from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import scipy.stats

from pipeline.costs import PEAK_MEMORY, SECONDS
from pipeline.evaluation import VALIDATION_METRIC

__all__ = ["CONFIDENCE", "NOTHING", "Result", "costs", "holm", "leader_board", "mean_over_seeds", "to_markdown"]

Key = tuple[str, str, int]  # data set, method, seed

CONFIDENCE = 0.95
NOTHING = 1e-12  # of a metric: what rounding makes
_COSTS = {
    "epochs": "epochs to the best",
    "seconds": "seconds to the best",
    "seconds_per_epoch": "seconds per epoch",
    "relative_cost": "times equal_weights",
    "peak_memory": "peak memory, MiB",
}
_EQUAL = "equal_weights"


@dataclass(frozen=True, eq=False)
class Result:
    """One evaluated run.

    Attributes:
        dataset, method, seed: Which one.
        metrics: Name -> mean over users, and coverage.
        per_user: Column ``user`` and one column per metric.
    """

    dataset: str
    method: str
    seed: int
    metrics: Mapping[str, float]
    per_user: pd.DataFrame


def leader_board(results: list[Result], metric: str, ours: str, against: str | None = None) -> pd.DataFrame:
    """One row per data set and method, best first within a data set.

    The best baseline is the method other than ``ours`` with the highest mean of ``metric`` on the test part: a choice
    against ``ours``. All other methods are compared with it: per-user values are averaged over the seeds, and the
    differences, paired by user, get a two-sided t test and a 95% confidence interval. That speaks of users drawn anew; of other
    seeds speaks a second test, of the methods' means paired by seed. Both p are corrected over the methods of the data set
    (Holm 1979).

    Args:
        results: At least one; all methods of a data set have the same users.
        metric: For the order, the best baseline and the differences.
        ours: The method that is not a baseline.
        against: The method to compare all others with, instead of the best baseline.

    Returns:
        ``dataset``, ``method``, ``n_seeds``, a column per metric (mean over seeds) and ``<metric> sd`` (sample standard
        deviation, NaN for one seed), ``difference``, ``low``, ``high``, ``relative`` (difference / baseline's mean), ``p``,
        ``p_seeds`` (NaN for one seed, or where seeds change nothing), ``effect`` (difference / its standard deviation over the
        users, Cohen's d for pairs), ``better`` and ``worse`` (shares of the users with more and less than by the baseline),
        ``ahead`` (seeds with more than the same seed of the baseline), ``baseline`` (its name; the row of the baseline itself
        has none of these).
    """
    boards = []
    for dataset in dict.fromkeys(result.dataset for result in results):
        of_dataset = [result for result in results if result.dataset == dataset]
        by_method = {
            method: [result for result in of_dataset if result.method == method]
            for method in dict.fromkeys(result.method for result in of_dataset)
        }
        rows = pd.DataFrame([_summary(dataset, method, group) for method, group in by_method.items()])
        rows = rows.sort_values(metric, ascending=False, ignore_index=True, kind="stable")
        rivals = rows[rows["method"] == against] if against else rows[rows["method"] != ours]
        if len(rivals):
            baseline = str(rivals["method"].iloc[0])
            rows = rows.merge(_differences(by_method, baseline, metric), on="method", how="left")
        boards.append(rows)
    columns = ["difference", "low", "high", "relative", "p", "p_seeds", "effect", "better", "worse", "ahead", "baseline"]
    board = pd.concat(boards, ignore_index=True)
    return board.reindex(columns=[*board.columns.difference(columns, sort=False), *columns])


def costs(histories: Mapping[Key, pd.DataFrame], measured: Mapping[Key, pd.DataFrame]) -> pd.DataFrame:
    """What the trainings took, as medians over the seeds; one row per data set and method of which it is known.

    Args:
        histories: (data set, method, seed) -> a row per epoch.
        measured: The same -> ``SECONDS`` and ``PEAK_MEMORY`` by epoch. Measured as it ran: on a busy machine times say little.

    Returns:
        ``dataset``, ``method``, ``epochs`` (to the best), ``seconds`` (to the end of the best epoch), ``seconds_per_epoch``
        (NaN of a baseline, which is fitted at once), ``peak_memory`` (MiB), ``relative_cost`` (seconds per epoch over those of
        equal_weights; NaN where that is not known).
    """
    rows = []
    for (dataset, method, seed), table in measured.items():
        history, at = histories[dataset, method, seed], table[SECONDS].sort_index()
        best = int(history["epoch"].iloc[int(history[VALIDATION_METRIC].to_numpy().argmax())])
        # The first epoch has what is done once, as compiling; a baseline has no other, hence NaN.
        per_epoch = at.diff().mean()
        rows.append((dataset, method, best, at.get(best, np.nan), per_epoch, table[PEAK_MEMORY].max()))
    names = ["dataset", "method", "epochs", "seconds", "seconds_per_epoch", "peak_memory"]
    found = pd.DataFrame(rows, columns=names).groupby(["dataset", "method"], sort=False).median().reset_index()
    equal = found[found["method"] == _EQUAL].set_index("dataset")["seconds_per_epoch"]
    return found.assign(relative_cost=found["seconds_per_epoch"] / found["dataset"].map(equal))


def _summary(dataset: str, method: str, group: list[Result]) -> dict[Hashable, Any]:
    values = pd.DataFrame([result.metrics for result in group])
    row: dict[Hashable, Any] = {"dataset": dataset, "method": method, "n_seeds": len(group)}
    for name in values:
        row[name] = values[name].mean()
        row[f"{name} sd"] = values[name].std()
    return row


def _differences(by_method: Mapping[str, list[Result]], baseline: str, metric: str) -> pd.DataFrame:
    values = {method: mean_over_seeds(group, metric) for method, group in by_method.items()}
    base = values.pop(baseline)
    rows = []
    for method, ours in values.items():
        difference = (ours - base).to_numpy()
        test = scipy.stats.ttest_1samp(difference, 0.0)
        interval = test.confidence_interval(CONFIDENCE)
        mean = difference.mean()
        # Equal lists for all users leave no variance to test; nothing differs.
        p = test.pvalue if difference.any() else 1.0
        spread = difference.std(ddof=1)
        rows.append(
            {
                "method": method,
                "difference": mean,
                "low": interval.low,
                "high": interval.high,
                "relative": mean / base.mean(),
                "p": p,
                "effect": mean / spread if spread > 0 else 0.0,
                "better": float((difference > 0).mean()),
                "worse": float((difference < 0).mean()),
                "baseline": baseline,
                **_over_seeds(by_method[method], by_method[baseline], metric),
            }
        )
    table = pd.DataFrame(rows, columns=None if rows else ["method", "p", "p_seeds"])
    return table.assign(**{name: holm(table[name].to_numpy(np.float64)) for name in ("p", "p_seeds")})


def _over_seeds(group: list[Result], baseline: list[Result], metric: str) -> dict[str, float]:
    of_seed = {result.seed: result.metrics[metric] for result in baseline}
    difference = np.array([result.metrics[metric] - of_seed[result.seed] for result in group if result.seed in of_seed])
    # Where no seed changes anything, as of methods without random numbers, there is nothing to test.
    varies = difference.size > 1 and np.ptp(difference) > NOTHING
    return {
        "p_seeds": float(scipy.stats.ttest_1samp(difference, 0.0).pvalue) if varies else np.nan,
        "ahead": int((difference > 0).sum()),
    }


def mean_over_seeds(group: list[Result], metric: str) -> "pd.Series[float]":
    """The metric of every user (index) over the runs of one method on one data set."""
    table = pd.DataFrame({result.seed: result.per_user.set_index("user")[metric] for result in group})
    return table.mean(axis=1)


def holm(p: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """P values corrected by Holm's step-down method (Scandinavian Journal of Statistics, 1979); NaN is no test.

    >>> holm(np.array([0.01, 0.04, np.nan, 0.03])).round(3).tolist()
    [0.03, 0.06, nan, 0.06]
    """
    order = np.argsort(p)[: int((~np.isnan(p)).sum())]  # NaN come last
    corrected = np.full_like(p, np.nan)
    corrected[order] = np.minimum(np.maximum.accumulate(p[order] * np.arange(order.size, 0, -1)), 1.0)
    return corrected


def to_markdown(board: pd.DataFrame, metrics: list[str], metric: str) -> str:
    """One Markdown table per data set."""
    lines = ["# Leader board", ""]
    for dataset, rows in board.groupby("dataset", sort=False):
        baseline = rows["baseline"].dropna()
        lines += [f"## {dataset}", ""]
        what = "95% interval; p over users and over seeds after Holm; effect size d; users better and worse off; seeds ahead"
        against = f"{metric} against {baseline.iloc[0]} ({what})" if len(baseline) else "difference"
        header = ["method", "seeds", *metrics, against, *(_COSTS.values() if "seconds" in board else ())]
        lines += ["| " + " | ".join(header) + " |", "|" + " --- |" * len(header)]
        for row in rows.to_dict("records"):
            cells = [
                str(row["method"]),
                str(row["n_seeds"]),
                *(_mean_and_sd(row, name) for name in metrics),
                _gain(row),
                *("-" if pd.isna(row[name]) else f"{row[name]:.3g}" for name in _COSTS if name in row),
            ]
            lines.append("| " + " | ".join(cells) + " |")
        lines.append("")
    return "\n".join(lines)


def _mean_and_sd(row: Mapping[Hashable, Any], name: str) -> str:
    sd = row[f"{name} sd"]
    return f"{row[name]:.4f}" + ("" if pd.isna(sd) else f" ± {sd:.4f}")


def _gain(row: Mapping[Hashable, Any]) -> str:
    if pd.isna(row["difference"]):
        return "-"
    over_seeds = "" if pd.isna(row["p_seeds"]) else f", {row['p_seeds']:.2g}"
    test = f"{row['relative']:+.1%} ({row['low']:+.4f} to {row['high']:+.4f}; p = {row['p']:.2g}{over_seeds})"
    users = f"{row['better']:.0%} better, {row['worse']:.0%} worse"
    return f"{test}; d {row['effect']:+.2f}; {users}; {row['ahead']:.0f}/{row['n_seeds']} seeds"
