"""NDCG@k."""

import torch
from torch import Tensor

__all__ = ["ndcg"]


def ndcg(hits: Tensor, n_relevant: Tensor) -> Tensor:
    """DCG / IDCG with gain 1 and discount 1 / log2(rank + 1) (Jarvelin and Kekalainen, TOIS 2002, binary relevance).

    IDCG is that of min(k, n_relevant) relevant items at the top, so a perfect list scores 1 for every user.

    Args:
        hits: ``[n_users, k]``, true where the recommended item is relevant; ranks count from 1.
        n_relevant: ``[n_users]``, >= 1; the caller excludes users without relevant items.

    Returns:
        One value per user ``[n_users]``, float64.
    """
    k = hits.shape[1]
    discount = 1.0 / torch.log2(torch.arange(2, k + 2, dtype=torch.float64, device=hits.device))
    ideal = discount.cumsum(0)[n_relevant.clamp(max=k) - 1]
    return (hits * discount).sum(dim=1) / ideal
