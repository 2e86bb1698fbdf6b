"""A list of items for every user."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch
from torch import Tensor

__all__ = ["ItemLists"]


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

    @classmethod
    def of_lists(cls, lists: Sequence[Sequence[int]], n_items: int) -> "ItemLists":
        """Of lists, each in ascending order."""
        lengths = torch.tensor([0, *map(len, lists)])
        return cls(lengths.cumsum(0), torch.tensor([item for of in lists for item in of], dtype=torch.int64), n_items)

    def select(self, users: Tensor) -> "ItemLists":
        """The lists of some users, in that order."""
        position, items = self.pairs(users)
        return self._from_pairs(position, items, len(users), self.n_items)

    def without(self, emptied: Tensor) -> "ItemLists":
        """The same lists, but those empty that ``emptied`` ``[n_users]`` marks."""
        position, items = self.pairs(torch.arange(len(emptied)))
        keep = ~emptied[position]
        return self._from_pairs(position[keep], items[keep], len(emptied), self.n_items)

    def joined(self, items: Tensor) -> "ItemLists":
        """Each list together with some more items."""
        n = len(self.lengths())
        position, own = self.pairs(torch.arange(n))
        more = torch.arange(n).unsqueeze(1) * self.n_items + items
        keys = torch.unique(torch.cat([position * self.n_items + own, more.flatten()]))
        return self._from_pairs(keys.div(self.n_items, rounding_mode="floor"), keys % self.n_items, n, self.n_items)

    def among(self, chosen: Tensor) -> "ItemLists":
        """What of each list is among some items, as their places in ``chosen``, which is in ascending order."""
        position, own = self.pairs(torch.arange(len(self.lengths())))
        places = torch.searchsorted(chosen, own).clamp(max=len(chosen) - 1)
        there = chosen[places] == own
        return self._from_pairs(position[there], places[there], len(self.lengths()), len(chosen))

    @classmethod
    def _from_pairs(cls, position: Tensor, items: Tensor, n: int, n_items: int) -> "ItemLists":
        lengths = torch.bincount(position, minlength=n)
        return cls(torch.cat([lengths.new_zeros(1), lengths.cumsum(0)]), items, n_items)
