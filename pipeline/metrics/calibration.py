"""Calibration@k."""

from collections.abc import Mapping

import torch
from torch import Tensor

from pipeline.metrics._attributes import indicators
from pipeline.metrics.base import lower_is_better
from pipeline.ranking.item_lists import ItemLists

__all__ = ["calibration"]

_MIXED = 0.01  # share of the history in the list's distribution, so that no logarithm is infinite; as in the paper


@lower_is_better
def calibration(items: Tensor, users: Tensor, history: ItemLists, attributes: Mapping[str, ItemLists]) -> Tensor:
    """How far a list is from the user's tastes: KL(p || .99 q + .01 p), lower is better (Steck, RecSys 2018, equations 2 to 5).

    p and q are the distributions of attributes in the user's training items and in the list; an item shares one unit among
    its attributes. Attributes of all side tables of items count together.

    Args:
        items: ``[n_users, k]``.
        users: ``[n_users]``.
        history: Training items of every user.
        attributes: Name -> attributes of every item.

    Returns:
        Nats, one value per user ``[n_users]``; 0 where history or list has no attribute.
    """
    found = []
    taken = [history.items[history.offsets[u] : history.offsets[u + 1]].unsqueeze(0) for u in users.tolist()]
    for of_user, before in zip(items, taken, strict=True):
        q, p = (_distribution(listed, attributes) for listed in (of_user.unsqueeze(0), before))
        mixed = (1 - _MIXED) * q + _MIXED * p
        both = p.sum() > 0 and q.sum() > 0
        found.append(torch.where(p > 0, p * (p / mixed).log(), 0.0).sum() if both else torch.zeros((), dtype=torch.float64))
    return torch.stack(found)


def _distribution(items: Tensor, attributes: Mapping[str, ItemLists]) -> Tensor:
    """``[n_attributes]``, sums to 1 or, without attributes, to 0."""
    ((of_list, _),) = indicators(items, attributes)
    shares = (of_list / of_list.sum(dim=1, keepdim=True).clamp(min=1)).sum(dim=0)
    return shares / shares.sum().clamp(min=1e-12)
