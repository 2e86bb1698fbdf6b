"""Rank the items that are viewed together with an item."""

from collections.abc import Mapping

from pipeline.data.relation import Relation
from pipeline.tasks._forms import as_task

__all__ = ["co_view"]


def co_view(train: Relation, sides: Mapping[str, Relation]) -> Relation | None:
    """Pairs of items that share a node of the side table ``co_view`` (item, view node), in both directions."""
    return as_task("co_view", sides["co_view"], "shared") if "co_view" in sides else None
