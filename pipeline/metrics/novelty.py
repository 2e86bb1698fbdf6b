"""Novelty@k."""

import torch
from torch import Tensor

from pipeline.metrics.base import NO_ITEM

__all__ = ["novelty"]


def novelty(items: Tensor, popularity: Tensor) -> Tensor:
    """Mean self-information -log2 p(i) of a user's list (Zhou et al., PNAS 2010).

    p(i) is the item's share of the training interactions; an item without any counts as if it had one.

    Args:
        items: ``[n_users, k]``.
        popularity: ``[n_items]``.

    Returns:
        Bits, one value per user ``[n_users]``; 0 for an empty list.
    """
    information = -torch.log2(popularity.double().clamp(min=1) / popularity.sum().clamp(min=1))
    listed = items != NO_ITEM
    return (information[items] * listed).sum(dim=1) / listed.sum(dim=1).clamp(min=1)
