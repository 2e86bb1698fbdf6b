"""Rank the categories (tags) of an item."""

from collections.abc import Mapping

from pipeline.data.relation import Relation
from pipeline.tasks._forms import as_task

__all__ = ["category"]


def category(train: Relation, sides: Mapping[str, Relation]) -> Relation | None:
    """Memberships from the side table ``category`` (item, category), each once."""
    return as_task("category", sides["category"], "membership") if "category" in sides else None
