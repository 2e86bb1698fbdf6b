"""The side relations that a recommender can name as reasons."""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from pipeline.data.ids import IdMap
from pipeline.data.relation import Relation

__all__ = ["Links"]


@dataclass(frozen=True, eq=False)
class Links:
    """A relation between two node types.

    Attributes:
        name: Of the relation.
        head_type, tail_type: Node types.
        heads, tails: Node numbers ``[n]``.
        ids: Raw ids of node types other than users and items.
    """

    name: str
    head_type: str
    tail_type: str
    heads: Tensor
    tails: Tensor
    ids: Mapping[str, IdMap]

    @classmethod
    def of(cls, relation: Relation, ids: Mapping[str, IdMap]) -> "Links":
        """Of a side relation; ids of users and items are not kept twice."""
        own = {kind: ids[kind] for kind in {relation.head_type, relation.tail_type} - {"user", "item"} if kind in ids}
        heads, tails = (torch.from_numpy(ends.copy()) for ends in (relation.heads, relation.tails))
        return cls(relation.name, relation.head_type, relation.tail_type, heads, tails, own)

    def partners(self, kind: str, number: int) -> tuple[str, Tensor]:
        """Node type and numbers of what a node is linked with, each once; within one node type in both directions."""
        found = []
        other = self.tail_type
        if self.head_type == kind:
            found.append(self.tails[self.heads == number])
        if self.tail_type == kind:
            found.append(self.heads[self.tails == number])
            other = self.head_type
        return other, torch.unique(torch.cat(found)) if found else torch.zeros(0, dtype=torch.int64)

    def among(self, kind: str, other: str, number: int) -> Tensor:
        """Numbers of the nodes of a type that are linked with one node of another type."""
        if self.head_type == kind and self.tail_type == other:
            return _distinct(self.heads[self.tails == number])
        return _distinct(self.tails[self.heads == number])


def _distinct(numbers: Tensor) -> Tensor:
    found: Tensor = torch.unique(numbers)
    return found
