"""Recall@k."""

from torch import Tensor

__all__ = ["recall"]


def recall(hits: Tensor, n_relevant: Tensor) -> Tensor:
    """Hits in the top k / n_relevant (not min(k, n_relevant)).

    Args:
        hits: ``[n_users, k]``, true where the recommended item is relevant.
        n_relevant: ``[n_users]``, >= 1; the caller excludes users without relevant items.

    Returns:
        One value per user ``[n_users]``, float64.
    """
    return hits.double().sum(dim=1) / n_relevant
