"""Full-catalogue ranking: the top items of every user with seen items masked, hits, one value per user and metric."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from pipeline.compiling import is_compiled_for
from pipeline.data.relation import ITEM, USER
from pipeline.ranking import best_unseen

__all__ = [
    "NOTHING",
    "VALIDATION_CUTOFF",
    "VALIDATION_METRIC",
    "Histories",
    "ItemLists",
    "coverage",
    "find_hits",
    "per_user",
    "ranking_tables",
    "top_k",
]

Metric = Callable[[Tensor, Tensor], Tensor]

_SCORES_ON_CPU = 2**19
_SCORES_ON_GPU = 2**26
_FEWEST_USERS = 16

VALIDATION_CUTOFF = 20
VALIDATION_METRIC = f"valid/ndcg_at_{VALIDATION_CUTOFF}"
"""What decides on the best epoch and the best settings: a column of a training's history, and a metric of its run."""

NOTHING = -1
"""Item number where a list ends early because a user has fewer than k unseen items."""


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
        """(position in ``users``, item) of all items of some users, both ``[n]``, by position, then item."""
        lengths = self.offsets[users + 1] - self.offsets[users]
        position = torch.repeat_interleave(torch.arange(users.numel(), device=users.device), lengths)
        start = self.offsets[users] - (lengths.cumsum(0) - lengths)
        return position, self.items[start[position] + torch.arange(position.numel(), device=users.device)]


@dataclass(frozen=True, eq=False)
class Histories:
    """Users as the sums of what they took: a table ``[n_users, n_items]`` of ones and zeros, with rows made when asked for.

    Attributes:
        lists: Training items of every user.
    """

    lists: ItemLists

    @property
    def device(self) -> torch.device:
        """Where rows are made."""
        return self.lists.items.device

    def __getitem__(self, users: Tensor) -> Tensor:
        """Rows ``[n, n_items]``, float32."""
        rows = torch.zeros(users.numel(), self.lists.n_items, device=self.device)
        rows[self.lists.pairs(users)] = 1
        return rows


def ranking_tables(tables: Mapping[str, Tensor], train: pd.DataFrame, n_users: int) -> tuple[Tensor | Histories, Tensor]:
    """The tables of users and items whose inner products rank.

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
        Items ``[n, k]`` and scores ``[n, k]``; ``NOTHING`` and -inf where fewer than k items are unseen.
    """
    scores = users_table[users] @ items_table.T
    if is_compiled_for(scores):
        items = torch.full((users.numel(), k), NOTHING)
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
        items = torch.nn.functional.pad(items, (0, k - n_items), value=NOTHING)
    return items.masked_fill(best == -torch.inf, NOTHING), best


def find_hits(items: Tensor, users: Tensor, relevant: ItemLists) -> Tensor:
    """Which recommended ``items`` ``[n, k]`` of ``users`` ``[n]`` are relevant, bool ``[n, k]``."""
    position, wanted = relevant.pairs(users)
    known = position * relevant.n_items + wanted  # ascending, because pairs() is ordered
    if known.numel() == 0:
        return torch.zeros_like(items, dtype=torch.bool)
    keys = torch.arange(users.numel(), device=users.device).unsqueeze(1) * relevant.n_items + items
    at = torch.searchsorted(known, keys).clamp(max=known.numel() - 1)
    return (known[at] == keys) & (items != NOTHING)


@torch.no_grad()
def per_user(
    users_table: Tensor | Histories,
    items_table: Tensor,
    seen: ItemLists,
    relevant: ItemLists,
    metrics: Mapping[str, Metric],
    cutoffs: Sequence[int],
    batch_size: int | None = None,
) -> tuple[pd.DataFrame, Tensor]:
    """Rank the whole catalogue for every user with relevant items.

    Args:
        users_table: ``[n_users, dim]``, or the users' histories.
        items_table: ``[n_items, dim]``.
        seen: Items masked out of the ranking.
        relevant: The held-out items.
        metrics: Name -> function of hits and the number of relevant items.
        cutoffs: The k of "@k".
        batch_size: Users ranked at a time; the result does not depend on it. By default as many as keep the scores in the
            cache of a CPU core, which is several times faster than a trip to memory, or as fill a GPU.

    Raises:
        ValueError: If no user has a relevant item.

    Returns:
        A table with the column ``user`` and one column ``<metric>@<k>`` each, one row per user with relevant items; and
        the recommended items ``[n, max(cutoffs)]``.
    """
    device = users_table.device
    seen, relevant = seen.to(device), relevant.to(device)
    n_relevant = relevant.lengths()
    users = n_relevant.nonzero().squeeze(1)
    if users.numel() == 0:
        raise ValueError("no user has a held-out item, so there is nothing to evaluate")
    lists = []
    at_a_time = _SCORES_ON_CPU if device.type == "cpu" else _SCORES_ON_GPU
    for chunk in torch.split(users, batch_size or max(_FEWEST_USERS, at_a_time // seen.n_items)):
        items, _ = top_k(users_table, items_table, seen, chunk, max(cutoffs))
        lists.append(items)
    recommended = torch.cat(lists)
    # On the CPU, because metrics are float64, which not every device has.
    all_hits, n_relevant_of = find_hits(recommended, users, relevant).cpu(), n_relevant[users].cpu()
    columns = {
        f"{name}@{k}": metric(all_hits[:, :k], n_relevant_of).numpy() for k in cutoffs for name, metric in metrics.items()
    }
    return pd.DataFrame({"user": users.cpu().numpy(), **columns}), recommended


def coverage(items: Tensor, n_items: int) -> float:
    """Share of the catalogue that is in at least one list ``items`` ``[n, k]``."""
    return len(torch.unique(items[items != NOTHING])) / n_items
