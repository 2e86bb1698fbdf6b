"""MRR@k."""

import torch
from torch import Tensor

__all__ = ["mrr"]


def mrr(hits: Tensor, n_relevant: Tensor) -> Tensor:
    """1 / rank of the first relevant item among the top k, 0 if there is none.

    Args:
        hits: ``[n_users, k]``, true where the recommended item is relevant; ranks count from 1.
        n_relevant: ``[n_users]``; not used.

    Returns:
        One value per user ``[n_users]``, float64.
    """
    ranks = torch.arange(1, hits.shape[1] + 1, device=hits.device)
    return (hits.double() / ranks).amax(dim=1)
