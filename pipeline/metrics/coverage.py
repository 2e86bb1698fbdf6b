"""Coverage@k."""

import torch
from torch import Tensor

from pipeline.metrics.base import NO_ITEM

__all__ = ["coverage"]


def coverage(items: Tensor, n_items: int) -> Tensor:
    """Share of the catalogue that is in at least one list (catalogue coverage; Ge et al., RecSys 2010).

    Args:
        items: ``[n_users, k]``.
        n_items: Size of the catalogue.

    Returns:
        One value for the whole ranking.
    """
    return torch.tensor(len(torch.unique(items[items != NO_ITEM])) / n_items, dtype=torch.float64)
