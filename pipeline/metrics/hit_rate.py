"""HitRate@k."""

from torch import Tensor

__all__ = ["hit_rate"]


def hit_rate(hits: Tensor, n_relevant: Tensor) -> Tensor:
    """1 if any of the top k is relevant, else 0.

    Args:
        hits: ``[n_users, k]``, true where the recommended item is relevant.
        n_relevant: ``[n_users]``; not used.

    Returns:
        One value per user ``[n_users]``, float64.
    """
    return hits.any(dim=1).double()
