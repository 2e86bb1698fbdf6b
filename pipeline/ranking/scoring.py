"""What ranks items for users, and the best unseen items by it, in plain PyTorch: all that a served model needs."""

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from pipeline.data.relation import ITEM, USER
from pipeline.kernels.ties import tie_key
from pipeline.ranking.item_lists import ItemLists

__all__ = ["HISTORY", "NO_ITEM", "WEIGHTS", "Histories", "Scoring", "plain_top_k"]

HISTORY = ("history_offsets", "history_items")
"""Names of the tensors of a model whose users are their histories."""

WEIGHTS = ("weights_offsets", "weights_items", "weights_values")
"""Names of the tensors of a model that has few weights per item, instead of the table of the items: a matrix by rows (CSR)."""

_MANY = 10_000  # equally good items

NO_ITEM = -1
"""Padding of a list that is shorter than k because the user has fewer than k unseen items."""


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
    def of(cls, tables: Mapping[str, Tensor], train: ItemLists, popularity: Tensor | None = None) -> "Scoring":
        """Of the tables of a model (see ``ColdStart.fill``).

        Args:
            tables: ``item`` ``[n_items, dim]``, or ``WEIGHTS`` instead; and ``user`` ``[n_users, dim]``, or ``HISTORY`` (see
                ``ItemLists``) instead.
            train: Training items of every user.
            popularity: Number of interactions of every item, by default in ``train``.
        """
        n_items = train.n_items
        items = tables[ITEM] if ITEM in tables else _sparse([tables[name] for name in WEIGHTS], n_items)
        if popularity is None:
            popularity = torch.bincount(train.items, minlength=train.n_items).to(items.device)
        if USER in tables:
            return cls(tables[USER], items, popularity)
        history = ItemLists(tables[HISTORY[0]], tables[HISTORY[1]], train.n_items)
        return cls(Histories(history.to(items.device)), items, popularity)

    def of_rows(self, rows: Tensor) -> Tensor:
        """Scores of all items for some users' rows ``[n, n_items]``."""
        if self.items.is_sparse_csr:
            return (self.items @ rows.T).T.contiguous()
        return rows @ self.items.T

    def knows(self, users: Tensor) -> Tensor:
        """Whether anything is known of some users, bool ``[n]``."""
        if isinstance(self.users, Histories):
            return self.users.lists.lengths()[users] > 0
        return (self.users[users] != 0).any(dim=1)


def plain_top_k(
    scoring: Scoring,
    seen: ItemLists,
    users: Tensor,
    k: int,
    keys: Tensor | None = None,
    names: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """The ``k`` best unseen items of each user by inner product, best first.

    Ties go to the more popular item, then to a hash of user and item: neither names nor numbers decide.

    Args:
        scoring: What ranks.
        seen: Items that are not recommended, per user.
        users: User numbers ``[n]``.
        k: Length of the lists.
        keys: Numbers of the users by which ties are broken ``[n]``; by default ``users``.
        names: Numbers of the items by which ties are broken ``[n_items]``; by default their places.

    Returns:
        Items ``[n, k]`` and scores ``[n, k]``; ``NO_ITEM`` and -inf where fewer than k items are unseen.
    """
    keys = users if keys is None else keys
    scores = scoring.of_rows(scoring.users[users])
    scores[seen.pairs(users)] = -torch.inf
    n_items = scores.shape[1]
    # One more than asked for, so that a tie across the end of the list can be seen.
    best, items = torch.topk(scores, min(k + 1, n_items), dim=1)
    for row in (best[:, :-1] == best[:, 1:]).any(dim=1).nonzero().squeeze(1).tolist():
        items[row] = _in_order(scores[row], items.shape[1], int(keys[row]), scoring.popularity, names)
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


def _in_order(scores: Tensor, n: int, user: int, popularity: Tensor, names: Tensor | None) -> Tensor:
    """Places of the best ``n`` items by score, popularity and hash; only what may be among them is sorted."""
    places = (scores >= torch.topk(scores, n)[0][-1]).nonzero().squeeze(1)
    if len(places) > _MANY:  # as for somebody of whom nothing is known
        worst = places[scores[places] == scores[places].min()]
        level = torch.topk(popularity[worst], min(n, len(worst)))[0][-1]
        places = torch.cat([places[scores[places] > scores[places].min()], worst[popularity[worst] >= level]])
    numbers = (places if names is None else names.to(places.device)[places]).cpu().numpy().astype(np.uint64)
    keys = tie_key(np.array([user]), numbers)
    order = np.lexsort((keys, -popularity[places].cpu().numpy(), -scores[places].cpu().numpy()))
    return places[torch.from_numpy(order[:n].copy()).to(places.device)]
