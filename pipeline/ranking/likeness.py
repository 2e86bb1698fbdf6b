"""How like each other two items or two users are: by what ranks them."""

from functools import cached_property

import torch
from torch import Tensor
from torch.nn import functional

from pipeline.data.relation import ITEM
from pipeline.ranking.scoring import Histories, Scoring

__all__ = ["Likeness"]


class Likeness:
    """Cosines of one node with all of its type; where items have few weights between each other, these weights.

    Args:
        scoring: What ranks.
    """

    def __init__(self, scoring: Scoring) -> None:
        self._scoring = scoring

    def of(self, kind: str, number: int) -> Tensor:
        """``[n]``, of a user or an item with all of them."""
        if kind == ITEM:
            if self._scoring.items.layout != torch.strided:
                return self._scoring.items[number].to_dense()
            return self._items @ self._items[number]
        if isinstance(self._scoring.users, Histories):
            return self._common(number, self._scoring.users)
        return self._users @ self._users[number]

    def _common(self, number: int, users: Histories) -> Tensor:
        """Cosines of histories: items in common over the root of the product of their lengths."""
        lists = users.lists
        lengths = lists.lengths()
        has = torch.zeros(lists.n_items)
        has[lists.pairs(torch.tensor([number]))[1]] = 1
        user = torch.repeat_interleave(torch.arange(len(lengths)), lengths)
        common = torch.zeros(len(lengths)).index_add_(0, user, has[lists.items])
        return common / (lengths.clamp(min=1) * max(int(has.sum()), 1)).sqrt()

    @cached_property
    def _items(self) -> Tensor:
        return functional.normalize(self._scoring.items, dim=1)

    @cached_property
    def _users(self) -> Tensor:
        users = self._scoring.users
        return functional.normalize(users, dim=1) if isinstance(users, Tensor) else torch.zeros(0)
