"""Precision@k."""

from torch import Tensor

__all__ = ["precision"]


def precision(hits: Tensor, n_relevant: Tensor) -> Tensor:
    """Hits in the top k / k, even if the user has fewer than k relevant items.

    Args:
        hits: ``[n_users, k]``, true where the recommended item is relevant.
        n_relevant: ``[n_users]``; not used.

    Returns:
        One value per user ``[n_users]``, float64.
    """
    return hits.double().mean(dim=1)
