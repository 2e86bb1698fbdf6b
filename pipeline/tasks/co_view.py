"""Rank the items that are viewed together with an item."""

from collections.abc import Mapping

import numpy as np
import scipy.sparse

from pipeline.data.relation import Relation
from pipeline.tasks._base import both_directions

__all__ = ["co_view"]


def co_view(train: Relation, sides: Mapping[str, Relation]) -> Relation | None:
    """Pairs of items that share a node of the side table ``co_view`` (item, view node), in both directions."""
    views = sides.get("co_view")
    if views is None:
        return None
    ones = np.ones(views.n_edges, dtype=np.int64)
    of_item = scipy.sparse.csr_array((ones, (views.heads, views.tails)), shape=(views.n_heads, views.n_tails))
    items, others = (of_item @ of_item.T).nonzero()
    return both_directions("co_view", views.head_type, items.astype(np.int64), others.astype(np.int64), views.n_heads)
