"""The main task: rank the items of a user."""

from collections.abc import Mapping

from pipeline.data.relation import Relation

__all__ = ["recommendation"]


def recommendation(train: Relation, sides: Mapping[str, Relation]) -> Relation:
    """The training interactions themselves; ``sides`` is not used."""
    return train
