"""Rank the friends of a user."""

from collections.abc import Mapping

from pipeline.data.relation import Relation
from pipeline.tasks._base import both_directions

__all__ = ["social"]


def social(train: Relation, sides: Mapping[str, Relation]) -> Relation | None:
    """Friendships from the side table ``social`` (user, user), in both directions."""
    friends = sides.get("social")
    if friends is None:
        return None
    return both_directions("social", friends.head_type, friends.heads, friends.tails, friends.n_heads)
