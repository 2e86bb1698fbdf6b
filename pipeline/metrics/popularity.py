"""Popularity@k."""

from torch import Tensor

from pipeline.metrics.base import NO_ITEM, lower_is_better

__all__ = ["popularity"]


@lower_is_better
def popularity(items: Tensor, popularity: Tensor) -> Tensor:
    """Mean number of training interactions of the recommended items, over all entries of all lists.

    Args:
        items: ``[n_users, k]``.
        popularity: ``[n_items]``.

    Returns:
        One value for the whole ranking.
    """
    return popularity[items[items != NO_ITEM]].double().mean()
