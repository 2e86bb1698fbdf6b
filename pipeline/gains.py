"""What each method gains over the best baseline, by slices of the users and by the popularity of the items."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
import scipy.stats

from pipeline.comparison import CONFIDENCE, NOTHING, Result, mean_over_seeds

__all__ = ["gains_by_popularity", "gains_by_slice"]

_COLUMNS = ["dataset", "method", "kind", "slice", "metric", "over", "n", "baseline", "difference", "low", "high", "worse"]


def gains_by_slice(
    results: list[Result], board: pd.DataFrame, metric: str, slices: Mapping[str, Mapping[str, "pd.Series[str]"]]
) -> pd.DataFrame:
    """What each method gains over the best baseline, by slices of the users.

    Args:
        results: As for ``leader_board``.
        board: What it gave.
        metric: The one to compare.
        slices: Data set -> kind of slice -> slice of every user (see ``pipeline.slices``), in whose order they come.

    Returns:
        ``dataset``, ``method``, ``kind``, ``slice``, ``metric``, ``over`` (``"users"``), ``n`` (of them, with held-out items),
        ``baseline`` (its mean in the slice), ``difference`` with its 95% interval ``low``, ``high``, and ``worse`` (share of
        the users with less). Slices of one user or none are left out.
    """
    rows = []
    for dataset, of_dataset in board.dropna(subset="baseline").groupby("dataset", sort=False):
        base_name = of_dataset["baseline"].iloc[0]
        groups = {
            name: mean_over_seeds([r for r in results if (r.dataset, r.method) == (dataset, name)], metric)
            for name in (base_name, *of_dataset["method"])
        }
        base = groups.pop(base_name)
        for method, values in groups.items():
            difference = values - base
            for kind, labels in slices[str(dataset)].items():
                for label, part in difference.groupby(labels.reindex(difference.index), observed=True):
                    if len(part) > 1:
                        of_base = base[part.index].mean()
                        place = (dataset, method, kind, label, metric, "users", len(part))
                        rows.append((*place, of_base, *_mean_interval_worse(part)))
    return pd.DataFrame(rows, columns=_COLUMNS)


def gains_by_popularity(results: list[Result], board: pd.DataFrame, cutoff: int) -> pd.DataFrame:
    """What each method finds of popular, middling and rare items more than the best baseline (see ``by_item_popularity``).

    Recall over all held-out items of a part belongs to no user, so the differences are paired by seed.

    Args:
        results: As for ``leader_board``.
        board: What it gave.
        cutoff: The k of Recall@k.

    Returns:
        As of ``gains_by_slice``, ``over`` ``"seeds"``; ``kind`` is ``items``. Where the difference does not vary, as with one
        seed or between methods without random numbers, there is no interval (NaN).
    """
    rows = []
    for row in board.dropna(subset="baseline").to_dict("records"):
        for part in ("head", "middle", "tail"):
            name = f"recall_{part}@{cutoff}"
            base, ours = (_by_seed(results, str(row["dataset"]), str(row[of]), name) for of in ("baseline", "method"))
            difference = (ours - base).dropna()
            if len(difference):
                place = (row["dataset"], row["method"], "items", part, name, "seeds", len(difference))
                rows.append((*place, base[difference.index].mean(), *_mean_interval_worse(difference)))
    return pd.DataFrame(rows, columns=_COLUMNS)


def _by_seed(results: list[Result], dataset: str, method: str, metric: str) -> "pd.Series[float]":
    of_method = [result for result in results if (result.dataset, result.method) == (dataset, method)]
    return pd.Series(
        {result.seed: result.metrics[metric] for result in of_method if metric in result.metrics}, dtype=np.float64
    )


def _mean_interval_worse(difference: "pd.Series[float]") -> tuple[float, float, float, float]:
    low = high = np.nan
    if np.ptp(difference) > NOTHING:
        interval = scipy.stats.ttest_1samp(difference, 0.0).confidence_interval(CONFIDENCE)
        low, high = float(interval.low), float(interval.high)
    return difference.mean(), low, high, float((difference < 0).mean())
