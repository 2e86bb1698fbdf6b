"""Rank the friends of a user."""

from collections.abc import Mapping

from pipeline.data.relation import Relation
from pipeline.tasks._forms import as_task

__all__ = ["social"]


def social(train: Relation, sides: Mapping[str, Relation]) -> Relation | None:
    """Friendships from the side table ``social`` (user, user), in both directions."""
    return as_task("social", sides["social"], "undirected") if "social" in sides else None
