"""The best unseen items of every user, by the inner products of two tables; for all who rank many: training and evaluation."""

import torch
from torch import Tensor

from pipeline.kernels.best_unseen import best_unseen
from pipeline.kernels.compiling import is_compiled_for
from pipeline.ranking.item_lists import ItemLists
from pipeline.ranking.scoring import NO_ITEM, Scoring, plain_top_k

__all__ = ["top_k"]

_SHORT = 256  # the pass inserts into a sorted list, which longer lists make slower than sorting


def top_k(scoring: Scoring, seen: ItemLists, users: Tensor, k: int) -> tuple[Tensor, Tensor]:
    """The same as ``plain_top_k``, in one compiled pass over the scores where there is one and lists are short."""
    if k > _SHORT or not is_compiled_for(scoring.items if not scoring.items.is_sparse_csr else scoring.items.values()):
        return plain_top_k(scoring, seen, users, k)
    scores = scoring.of_rows(scoring.users[users])
    items = torch.full((users.numel(), k), NO_ITEM)
    best = torch.full((users.numel(), k), -torch.inf, dtype=scores.dtype)
    known = (seen.offsets.numpy(), seen.items.numpy(), scoring.popularity.numpy())
    best_unseen(scores.numpy(), users.numpy(), *known, items.numpy(), best.numpy())
    return items, best
