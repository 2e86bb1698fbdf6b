"""The best unseen items of every user, by the inner products of two tables; for all who rank: training, evaluation, serving."""

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from pipeline.data.relation import ITEM, USER
from pipeline.kernels.best_unseen import best_unseen, tie_key
from pipeline.kernels.compiling import is_compiled_for

__all__ = ["HISTORY", "NO_ITEM", "Histories", "ItemLists", "Scoring", "WEIGHTS", "top_k"]

HISTORY = ("history_offsets", "history_items")
"""Names of the tensors of a model whose users are their histories."""

WEIGHTS = ("weights_offsets", "weights_items", "weights_values")
"""Names of the tensors of a model that has few weights per item, instead of the table of the items: a matrix by rows (CSR)."""

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


@dataclass(frozen=True, eq=False)
class Scoring:
    """What ranks: inner products, and where they are equal, popularity.

    A user of whom nothing is known is a row of zeros, and so gets what is popular.

    Attributes:
        users: ``[n_users, dim]``, or the users' histories.
        items: ``[n_items, dim]``; a sparse matrix where each item is scored by few others.
        popularity: Number of training interactions of every item, int64 ``[n_items]``.
    """

    users: Tensor | Histories
    items: Tensor
    popularity: Tensor

    @classmethod
    def of(cls, tables: Mapping[str, Tensor], train: ItemLists) -> "Scoring":
        """Of the tables of a model (see ``ColdStart.fill``).

        Args:
            tables: ``item`` ``[n_items, dim]``, or ``WEIGHTS`` instead; and ``user`` ``[n_users, dim]``, or ``HISTORY`` (see
                ``ItemLists``) instead.
            train: Training items of every user.
        """
        n_items = train.n_items
        items = tables[ITEM] if ITEM in tables else _sparse([tables[name] for name in WEIGHTS], n_items)
        popularity = torch.bincount(train.items, minlength=train.n_items).to(items.device)
        if USER in tables:
            return cls(tables[USER], items, popularity)
        history = ItemLists(tables[HISTORY[0]], tables[HISTORY[1]], train.n_items)
        return cls(Histories(history.to(items.device)), items, popularity)

    def knows(self, users: Tensor) -> Tensor:
        """Whether anything is known of some users, bool ``[n]``."""
        if isinstance(self.users, Histories):
            return self.users.lists.lengths()[users] > 0
        return (self.users[users] != 0).any(dim=1)


def top_k(scoring: Scoring, seen: ItemLists, users: Tensor, k: int) -> tuple[Tensor, Tensor]:
    """The ``k`` best unseen items of each user by inner product, best first.

    Ties go to the more popular item, then to a hash of user and item: neither names nor numbers decide.

    Args:
        scoring: What ranks.
        seen: Items that are not recommended, per user.
        users: User numbers ``[n]``.
        k: Length of the lists.

    Returns:
        Items ``[n, k]`` and scores ``[n, k]``; ``NO_ITEM`` and -inf where fewer than k items are unseen.
    """
    rows = scoring.users[users]
    scores = (scoring.items @ rows.T).T.contiguous() if scoring.items.is_sparse_csr else rows @ scoring.items.T
    if is_compiled_for(scores):
        items = torch.full((users.numel(), k), NO_ITEM)
        best = torch.full((users.numel(), k), -torch.inf, dtype=scores.dtype)
        known = (seen.offsets.numpy(), seen.items.numpy(), scoring.popularity.numpy())
        best_unseen(scores.numpy(), users.numpy(), *known, items.numpy(), best.numpy())
        return items, best
    scores[seen.pairs(users)] = -torch.inf
    n_items = scores.shape[1]
    # One more than asked for, so that a tie across the end of the list can be seen.
    best, items = torch.topk(scores, min(k + 1, n_items), dim=1)
    for row in (best[:, :-1] == best[:, 1:]).any(dim=1).nonzero().squeeze(1).tolist():
        items[row] = _in_order(scores[row], int(users[row]), scoring.popularity)[: items.shape[1]]
        best[row] = scores[row, items[row]]
    best, items = best[:, :k], items[:, :k]
    if n_items < k:
        best = torch.nn.functional.pad(best, (0, k - n_items), value=-torch.inf)
        items = torch.nn.functional.pad(items, (0, k - n_items), value=NO_ITEM)
    return items.masked_fill(best == -torch.inf, NO_ITEM), best


def _sparse(weights: Sequence[Tensor], n_items: int) -> Tensor:
    with warnings.catch_warnings():  # torch says once that its sparse matrices are in beta state
        warnings.simplefilter("ignore", UserWarning)
        return torch.sparse_csr_tensor(weights[0], weights[1], weights[2], (n_items, n_items))


def _in_order(scores: Tensor, user: int, popularity: Tensor) -> Tensor:
    """All items by score, popularity and hash."""
    numbers = np.arange(scores.numel()).astype(np.uint64)
    keys = tie_key(np.array([user]), numbers)
    order = np.lexsort((keys, -popularity.cpu().numpy(), -scores.cpu().numpy()))
    return torch.from_numpy(order).to(scores.device)
