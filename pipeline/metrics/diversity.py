"""Diversity@k."""

from collections.abc import Mapping

import torch
from torch import Tensor

from pipeline.metrics._attributes import indicators
from pipeline.ranking.item_lists import ItemLists

__all__ = ["diversity"]


def diversity(items: Tensor, attributes: Mapping[str, ItemLists]) -> Tensor:
    """Mean distance 1 - |A & B| / |A | B| of the attributes of two items of a list.

    Intra-list distance (Ziegler et al., WWW 2005).

    Attributes of all side tables of items count together; two items without any are at distance 1.

    Args:
        items: ``[n_users, k]``.
        attributes: Name -> attributes of every item.

    Returns:
        One value per user ``[n_users]``; 0 for a list of one item or none.
    """
    found = []
    for of_user, listed in indicators(items, attributes):
        shared = of_user @ of_user.T
        sizes = of_user.sum(dim=1)
        union = sizes.unsqueeze(0) + sizes.unsqueeze(1) - shared
        distances = 1 - torch.where(union > 0, shared / union.clamp(min=1), 0.0)
        pairs = listed * (listed - 1)
        found.append((distances.sum() - distances.diagonal().sum()) / max(pairs, 1))
    return torch.stack(found)
