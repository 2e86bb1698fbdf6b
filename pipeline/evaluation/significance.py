"""Paired tests, and what several of them at once mean."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import scipy.stats

__all__ = ["CONFIDENCE", "ROUNDING", "PairedTest", "holm", "paired_test"]

CONFIDENCE = 0.95

ROUNDING = 1e-12
"""Differences of a metric up to this are what rounding makes."""

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class PairedTest:
    """A paired t test of differences between two methods.

    Attributes:
        mean: Mean difference.
        low, high: 95% interval of the mean; NaN where the differences do not vary.
        p: Of a two-sided t test; NaN where the differences do not vary.
    """

    mean: float
    low: float
    high: float
    p: float


def paired_test(differences: Floats) -> PairedTest:
    """The test of some paired differences ``[n]``, n >= 1.

    Where nothing varies, as between methods without random numbers over seeds, there is nothing to test.

    >>> paired_test(np.array([0.1, 0.1])).p
    nan
    """
    mean = float(differences.mean())
    if differences.size < 2 or np.ptp(differences) <= ROUNDING:  # noqa: PLR2004  # one value has no spread
        return PairedTest(mean, np.nan, np.nan, np.nan)
    test = scipy.stats.ttest_1samp(differences, 0.0)
    interval = test.confidence_interval(CONFIDENCE)
    return PairedTest(mean, float(interval.low), float(interval.high), float(test.pvalue))


def holm(p: Floats) -> Floats:
    """P-values corrected by Holm's step-down method (Scandinavian Journal of Statistics, 1979); NaN stands for no test.

    >>> holm(np.array([0.01, 0.04, np.nan, 0.03])).round(3).tolist()
    [0.03, 0.06, nan, 0.06]
    """
    order = np.argsort(p)[: int((~np.isnan(p)).sum())]  # NaNs sort last
    corrected = np.full_like(p, np.nan)
    corrected[order] = np.minimum(np.maximum.accumulate(p[order] * np.arange(order.size, 0, -1)), 1.0)
    return corrected
