"""Improvement of each method over the best baseline, by user slice and by item popularity."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from pipeline.evaluation.activity import ITEM_GROUPS
from pipeline.evaluation.significance import paired_test
from pipeline.reports.leaderboard import Result, mean_over_seeds

__all__ = ["improvements_by_item_group", "improvements_by_user_group"]

_COLUMNS = ["dataset", "method", "kind", "slice", "metric", "over", "n", "baseline", "difference", "low", "high", "worse"]


def improvements_by_user_group(
    results: list[Result], board: pd.DataFrame, metric: str, groups: Mapping[str, Mapping[str, "pd.Series[str]"]]
) -> pd.DataFrame:
    """What each method gains over the best baseline, by groups of the users.

    Args:
        results: As for ``leader_board``.
        board: What it gave.
        metric: The one to compare.
        groups: Data set -> kind of group -> group of every user (see ``pipeline.evaluation.user_groups``), in whose order they
            come.

    Returns:
        ``dataset``, ``method``, ``kind``, ``slice``, ``metric``, ``over`` (``"users"``), ``n`` (of them, with held-out items),
        ``baseline`` (its mean in the group), ``difference`` with its 95% interval ``low``, ``high``, and ``worse`` (share of
        the users with less). Groups of one user or none are left out.
    """
    rows = []
    for dataset, of_dataset in board.dropna(subset="baseline").groupby("dataset", sort=False):
        base_name = of_dataset["baseline"].iloc[0]
        by_method = {
            name: mean_over_seeds([r for r in results if (r.dataset, r.method) == (dataset, name)], metric)
            for name in (base_name, *of_dataset["method"])
        }
        base = by_method.pop(base_name)
        for method, values in by_method.items():
            difference = values - base
            for kind, labels in groups[str(dataset)].items():
                for label, part in difference.groupby(labels.reindex(difference.index), observed=True):
                    if len(part) > 1:
                        of_base = base[part.index].mean()
                        place = (dataset, method, kind, label, metric, "users", len(part))
                        rows.append((*place, of_base, *_mean_interval_worse(part)))
    return pd.DataFrame(rows, columns=_COLUMNS)


def improvements_by_item_group(results: list[Result], board: pd.DataFrame, cutoff: int) -> pd.DataFrame:
    """What each method finds of popular, middling and rare items more than the best baseline (see ``recall_by_popularity``).

    Recall over all held-out items of a part belongs to no user, so the differences are paired by seed.

    Args:
        results: As for ``leader_board``.
        board: What it gave.
        cutoff: The k of Recall@k.

    Returns:
        As of ``improvements_by_user_group``, ``over`` ``"seeds"``; ``kind`` is ``items``. Where the difference does not vary,
        as with one seed or between methods without random numbers, there is no interval (NaN).
    """
    rows = []
    for row in board.dropna(subset="baseline").to_dict("records"):
        for part in ITEM_GROUPS:
            name = f"{part}@{cutoff}"
            base, ours = (_by_seed(results, str(row["dataset"]), str(row[of]), name) for of in ("baseline", "method"))
            difference = (ours - base).dropna()
            if len(difference):
                place = (row["dataset"], row["method"], "items", part, f"recall_{name}", "seeds", len(difference))
                rows.append((*place, base[difference.index].mean(), *_mean_interval_worse(difference)))
    return pd.DataFrame(rows, columns=_COLUMNS)


def _by_seed(results: list[Result], dataset: str, method: str, group: str) -> "pd.Series[float]":
    of_method = [result for result in results if (result.dataset, result.method) == (dataset, method)]
    return pd.Series(
        {result.seed: result.item_groups[group] for result in of_method if group in result.item_groups}, dtype=np.float64
    )


def _mean_interval_worse(difference: "pd.Series[float]") -> tuple[float, float, float, float]:
    test = paired_test(np.asarray(difference, dtype=np.float64))
    return test.mean, test.low, test.high, float((difference < 0).mean())
