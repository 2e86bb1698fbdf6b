"""Gini@k."""

import torch
from torch import Tensor

from pipeline.metrics.base import NO_ITEM, lower_is_better

__all__ = ["gini"]


@lower_is_better
def gini(items: Tensor, n_items: int) -> Tensor:
    """Gini index of how often each item of the catalogue is recommended: 0 all alike, towards 1 a few alone.

    With counts x in ascending order: sum over i = 1..n of (2 i - n - 1) x_i / (n sum x).

    Args:
        items: ``[n_users, k]``.
        n_items: Size of the catalogue.

    Returns:
        One value for the whole ranking.
    """
    counts = torch.bincount(items[items != NO_ITEM].flatten(), minlength=n_items).double().sort().values
    rank = torch.arange(1, n_items + 1, dtype=torch.float64)
    return ((2 * rank - n_items - 1) * counts).sum() / (n_items * counts.sum().clamp(min=1))
