"""Popularity@k."""

from torch import Tensor

from pipeline.metrics.base import NOTHING

__all__ = ["popularity"]


def popularity(items: Tensor, popularity: Tensor) -> Tensor:
    """Mean number of training interactions of the recommended items, over all entries of all lists.

    Args:
        items: ``[n_users, k]``.
        popularity: ``[n_items]``.

    Returns:
        One value for the whole ranking.
    """
    return popularity[items[items != NOTHING]].double().mean()
