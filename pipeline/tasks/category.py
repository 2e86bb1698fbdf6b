"""Rank the categories (tags) of an item."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from pipeline.data.relation import Relation

__all__ = ["category"]


def category(train: Relation, sides: Mapping[str, Relation]) -> Relation | None:
    """Memberships from the side table ``category`` (item, category), each once."""
    members = sides.get("category")
    if members is None:
        return None
    heads, tails = np.divmod(np.unique(members.heads * members.n_tails + members.tails), members.n_tails)
    return replace(members, name="category", heads=heads, tails=tails)
