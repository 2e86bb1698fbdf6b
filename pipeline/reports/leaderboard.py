"""All results -> one leader board: means and spread over seeds, differences from the best baseline with paired tests."""

from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from pipeline.evaluation.significance import holm, paired_test

__all__ = ["Result", "leader_board", "mean_over_seeds"]


@dataclass(frozen=True, eq=False)
class Result:
    """One evaluated run.

    Attributes:
        dataset, method, seed: Identify the run.
        metrics: ``<metric>@<k>`` -> mean over the users, or value of the whole ranking.
        per_user: Column ``user`` and a column for each metric that has a value per user.
        item_groups: ``<group>@<k>`` -> recall over the test items of the group.
    """

    dataset: str
    method: str
    seed: int
    metrics: Mapping[str, float]
    per_user: pd.DataFrame
    item_groups: Mapping[str, float] = field(default_factory=dict)


def leader_board(
    results: list[Result], metric: str, ours: str, against: str | None = None, *, lower_is_better: bool = False
) -> pd.DataFrame:
    """One row per data set and method, best first within a data set.

    The best baseline is the method other than ``ours`` with the highest mean of ``metric`` on the test set, a choice that
    disfavours ``ours``. All other methods are compared with it: per-user values are averaged over seeds, and the differences,
    paired by user, get a two-sided t-test and a 95% confidence interval. This generalises to new users; a second t-test, on
    the methods' means paired by seed, generalises to new seeds. Both p-values are corrected over the methods of the data set
    (Holm 1979).

    Args:
        results: At least one; all methods on a data set must have the same users.
        metric: Determines the order, the best baseline and the differences.
        ours: The proposed method, which is not a baseline.
        lower_is_better: Whether less of ``metric`` is better.
        against: The method to compare all others with, instead of the best baseline.

    Returns:
        ``dataset``, ``method``, ``n_seeds``, a column per metric (mean over seeds) and ``<metric> sd`` (sample standard
        deviation, NaN for one seed), ``difference``, ``low``, ``high``, ``relative`` (difference / baseline's mean), ``p``,
        ``p_seeds`` (NaN for one seed, or if the difference is the same for all), ``effect`` (difference / its standard
        deviation over users, Cohen's d for paired samples), ``better`` and ``worse`` (shares of the users with a higher and a
        lower value than under the baseline), ``ahead`` (number of seeds on which the method beats the baseline), ``baseline``
        (its name). All columns from ``difference`` on are empty in the row of the baseline itself.
    """
    boards = []
    for dataset in dict.fromkeys(result.dataset for result in results):
        of_dataset = [result for result in results if result.dataset == dataset]
        by_method = {
            method: [result for result in of_dataset if result.method == method]
            for method in dict.fromkeys(result.method for result in of_dataset)
        }
        rows = pd.DataFrame([_summary(dataset, method, group) for method, group in by_method.items()])
        rows = rows.sort_values(metric, ascending=lower_is_better, ignore_index=True, kind="stable")
        rivals = rows[rows["method"] == against] if against else rows[rows["method"] != ours]
        if len(rivals):
            baseline = str(rivals["method"].iloc[0])
            rows = rows.merge(_differences(by_method, baseline, metric, -1 if lower_is_better else 1), on="method", how="left")
        boards.append(rows)
    columns = ["difference", "low", "high", "relative", "p", "p_seeds", "effect", "better", "worse", "ahead", "baseline"]
    board = pd.concat(boards, ignore_index=True)
    return board.reindex(columns=[*board.columns.difference(columns, sort=False), *columns])


def _summary(dataset: str, method: str, group: list[Result]) -> dict[Hashable, Any]:
    values = pd.DataFrame([result.metrics for result in group])
    row: dict[Hashable, Any] = {"dataset": dataset, "method": method, "n_seeds": len(group)}
    for name in values:
        row[name] = values[name].mean()
        row[f"{name} sd"] = values[name].std()
    return row


def _differences(by_method: Mapping[str, list[Result]], baseline: str, metric: str, sign: int) -> pd.DataFrame:
    """``sign`` is -1 where less of the metric is better."""
    per_user = metric in by_method[baseline][0].per_user
    rows = []
    for method in by_method:
        if method != baseline:
            of_users = _over_users if per_user else _of_wholes
            row = of_users(by_method[method], by_method[baseline], metric, sign)
            rows.append(
                {
                    "method": method,
                    "baseline": baseline,
                    **row,
                    **_over_seeds(by_method[method], by_method[baseline], metric, sign),
                }
            )
    table = pd.DataFrame(rows, columns=None if rows else ["method", "p", "p_seeds"])
    return table.assign(**{name: holm(table[name].to_numpy(np.float64)) for name in ("p", "p_seeds")})


def _over_users(group: list[Result], baseline: list[Result], metric: str, sign: int) -> dict[str, float]:
    base = mean_over_seeds(baseline, metric)
    difference = np.asarray(mean_over_seeds(group, metric) - base, dtype=np.float64)
    test, spread = paired_test(difference), difference.std(ddof=1)
    return {
        "difference": test.mean,
        "low": test.low,
        "high": test.high,
        "relative": test.mean / base.mean(),
        "p": test.p if difference.any() else 1.0,  # equal lists for all users leave no variance to test
        "effect": test.mean / spread if spread > 0 else 0.0,
        "better": float((sign * difference > 0).mean()),
        "worse": float((sign * difference < 0).mean()),
    }


def _of_wholes(group: list[Result], baseline: list[Result], metric: str, _sign: int) -> dict[str, float]:
    """Of a metric of the whole ranking, which no user has a part of."""
    ours, base = (float(np.mean([result.metrics[metric] for result in results])) for results in (group, baseline))
    nothing = dict.fromkeys(("low", "high", "p", "effect", "better", "worse"), np.nan)
    return {"difference": ours - base, "relative": (ours - base) / base if base else np.nan, **nothing}


def _over_seeds(group: list[Result], baseline: list[Result], metric: str, sign: int) -> dict[str, float]:
    of_seed = {result.seed: result.metrics[metric] for result in baseline}
    difference = np.array([result.metrics[metric] - of_seed[result.seed] for result in group if result.seed in of_seed])
    p_seeds = paired_test(difference).p if difference.size else np.nan
    return {"p_seeds": p_seeds, "ahead": int((sign * difference > 0).sum())}


def mean_over_seeds(group: list[Result], metric: str) -> "pd.Series[float]":
    """The metric per user (index), averaged over the runs of one method on one data set."""
    table = pd.DataFrame({result.seed: result.per_user.set_index("user")[metric] for result in group})
    return table.mean(axis=1)
