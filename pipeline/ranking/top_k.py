"""The best unseen items of every user, by the inner products of two tables."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from pipeline.data.relation import ITEM, USER
from pipeline.kernels.best_unseen import best_unseen
from pipeline.kernels.compiling import is_compiled_for

__all__ = ["NO_ITEM", "Histories", "ItemLists", "ranking_tables", "top_k"]

NO_ITEM = -1
"""Padding of a list that is shorter than k because the user has fewer than k unseen items."""


@dataclass(frozen=True, eq=False)
class ItemLists:
    """A list of items per user: user u has ``items[offsets[u]:offsets[u + 1]]``, in ascending order.

    Attributes:
        offsets: int64 ``[n_users + 1]``.
        items: int64 ``[n_pairs]``.
        n_items: Declared number of items.
    """

    offsets: Tensor
    items: Tensor
    n_items: int

    @classmethod
    def of(cls, tables: Sequence[pd.DataFrame], n_users: int, n_items: int) -> "ItemLists":
        """The union of tables with the columns ``user`` and ``item``."""
        keys = [table["user"].to_numpy(np.int64) * n_items + table["item"].to_numpy(np.int64) for table in tables]
        users, items = np.divmod(np.unique(np.concatenate(keys)), n_items)
        offsets = np.concatenate([[0], np.cumsum(np.bincount(users, minlength=n_users))])
        return cls(torch.from_numpy(offsets), torch.from_numpy(items), n_items)

    def to(self, device: torch.device) -> "ItemLists":
        """The same lists on another device."""
        return ItemLists(self.offsets.to(device), self.items.to(device), self.n_items)

    def lengths(self) -> Tensor:
        """Number of items of each user ``[n_users]``."""
        return self.offsets.diff()

    def pairs(self, users: Tensor) -> tuple[Tensor, Tensor]:
        """(position in ``users``, item) of all items of some users, both ``[n]``, sorted by position, then item."""
        lengths = self.offsets[users + 1] - self.offsets[users]
        position = torch.repeat_interleave(torch.arange(users.numel(), device=users.device), lengths)
        start = self.offsets[users] - (lengths.cumsum(0) - lengths)
        return position, self.items[start[position] + torch.arange(position.numel(), device=users.device)]


@dataclass(frozen=True, eq=False)
class Histories:
    """Users as multi-hot vectors of their training items: a matrix ``[n_users, n_items]`` whose rows are built on demand.

    Attributes:
        lists: Training items of every user.
    """

    lists: ItemLists

    @property
    def device(self) -> torch.device:
        """Device on which rows are built."""
        return self.lists.items.device

    def __getitem__(self, users: Tensor) -> Tensor:
        """Rows ``[n, n_items]``, float32."""
        rows = torch.zeros(users.numel(), self.lists.n_items, device=self.device)
        rows[self.lists.pairs(users)] = 1
        return rows


def ranking_tables(tables: Mapping[str, Tensor], train: pd.DataFrame, n_users: int) -> tuple[Tensor | Histories, Tensor]:
    """The user and item vectors whose inner products are the ranking scores.

    Args:
        tables: ``item`` ``[n_items, dim]`` and ``user`` ``[n_users, dim]``; without ``user``, users are their histories.
        train: Training interactions.
        n_users: Declared number of users.
    """
    items = tables[ITEM]
    return tables.get(USER, Histories(ItemLists.of([train], n_users, len(items)))), items


def top_k(
    users_table: Tensor | Histories, items_table: Tensor, seen: ItemLists, users: Tensor, k: int
) -> tuple[Tensor, Tensor]:
    """The ``k`` best unseen items of each user by inner product, best first; ties go to the lower item number.

    Args:
        users_table: ``[n_users, dim]``, or the users' histories.
        items_table: ``[n_items, dim]``.
        seen: Items that are not recommended, per user.
        users: User numbers ``[n]``.
        k: Length of the lists.

    Returns:
        Items ``[n, k]`` and scores ``[n, k]``; ``NO_ITEM`` and -inf where fewer than k items are unseen.
    """
    scores = users_table[users] @ items_table.T
    if is_compiled_for(scores):
        items = torch.full((users.numel(), k), NO_ITEM)
        best = torch.full((users.numel(), k), -torch.inf, dtype=scores.dtype)
        known = (seen.offsets.numpy(), seen.items.numpy())
        best_unseen(scores.numpy(), users.numpy(), *known, items.numpy(), best.numpy())
        return items, best
    scores[seen.pairs(users)] = -torch.inf
    n_items = scores.shape[1]
    # One more than asked for, so that a tie across the end of the list can be seen.
    best, items = torch.topk(scores, min(k + 1, n_items), dim=1)
    tied = (best[:, :-1] == best[:, 1:]).any(dim=1).nonzero().squeeze(1)
    if tied.numel():  # torch.topk leaves the order of equal scores open; a stable sort does not
        order = torch.sort(scores[tied], dim=1, descending=True, stable=True).indices[:, : best.shape[1]]
        items[tied], best[tied] = order, scores[tied].gather(1, order)
    best, items = best[:, :k], items[:, :k]
    if n_items < k:
        best = torch.nn.functional.pad(best, (0, k - n_items), value=-torch.inf)
        items = torch.nn.functional.pad(items, (0, k - n_items), value=NO_ITEM)
    return items.masked_fill(best == -torch.inf, NO_ITEM), best
