"""One task's pairs: heads of one node type, each linked with tails of another (or the same) node type."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

__all__ = ["ITEM", "USER", "NodeFeatures", "NodeTypes", "Numbers", "Relation", "RelationKind", "SideTable"]

USER = "user"
ITEM = "item"

RelationKind = Literal["directed", "undirected", "membership", "shared"]
"""How links become the pairs of a task (see ``pipeline.data.pairs``)."""

Numbers = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Relation:
    """Pairs (head, tail) in numbers, and what is known of each pair.

    Attributes:
        name: Name of the relation; for a task, the name of the task.
        head_type: Node type of the heads, for example ``"user"``.
        tail_type: Node type of the tails.
        heads: Node numbers below ``n_heads``, int64 ``[n_edges]``.
        tails: Node numbers below ``n_tails``, int64 ``[n_edges]``.
        n_heads: Declared number of nodes of the head type (never derived from the largest number).
        n_tails: Declared number of nodes of the tail type.
        weights: Relative sampling weights of the pairs, float64 ``[n_edges]``, > 0; ``None``: uniform.
        values: Further columns of the pairs by name (``rating``, ``timestamp``, ...), ``[n_edges]`` each.

    Raises:
        ValueError: If the shapes differ, a number is out of range or a weight is not positive.
    """

    name: str
    head_type: str
    tail_type: str
    heads: Numbers
    tails: Numbers
    n_heads: int
    n_tails: int
    weights: npt.NDArray[np.float64] | None = None
    values: Mapping[str, npt.NDArray[Any]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.heads.shape != self.tails.shape or self.heads.ndim != 1:
            raise ValueError(f"{self.name}: heads {self.heads.shape} and tails {self.tails.shape} must be equally long vectors")
        for side, values, size in (("heads", self.heads, self.n_heads), ("tails", self.tails, self.n_tails)):
            if values.size and not (values.min() >= 0 and values.max() < size):
                found = f"{values.min()}..{values.max()}"
                raise ValueError(f"{self.name}: {side} must be in 0..{size - 1}, found {found}")
        if self.weights is not None and not (self.weights.shape == self.heads.shape and (self.weights > 0).all()):
            raise ValueError(f"{self.name}: weights must be one positive number per pair")
        for column, of_pairs in self.values.items():
            if of_pairs.shape != self.heads.shape:
                raise ValueError(f"{self.name}: {column} {of_pairs.shape} must be one value per pair {self.heads.shape}")

    @property
    def n_edges(self) -> int:
        """Number of pairs."""
        return int(self.heads.size)

    def only(self, kept: npt.NDArray[np.bool_]) -> "Relation":
        """The pairs of a mask ``[n_edges]``, with what is known of them."""
        weights = None if self.weights is None else self.weights[kept]
        values = {name: column[kept] for name, column in self.values.items()}
        return replace(self, heads=self.heads[kept], tails=self.tails[kept], weights=weights, values=values)


@dataclass(frozen=True, eq=False)
class SideTable:
    """A side table in numbers.

    Attributes:
        links: Its rows.
        kind: How they become the pairs of the ranking task of this name; ``None`` where a file of pipeline/tasks/ makes the
            task, or nothing does.
    """

    links: Relation
    kind: RelationKind | None


@dataclass(frozen=True, eq=False)
class NodeFeatures:
    """Numbers that describe every node of a type.

    Attributes:
        node_type: Whose.
        values: float64 ``[n_nodes, n_features]``, finite.
        names: Of the features ``[n_features]``.

    Raises:
        ValueError: If the shapes differ or a number is not finite.
    """

    node_type: str
    values: npt.NDArray[np.float64]
    names: tuple[str, ...]

    def __post_init__(self) -> None:
        if self.values.ndim != 2 or self.values.shape[1] != len(self.names):  # noqa: PLR2004  # a matrix
            raise ValueError(f"features of {self.node_type}: {self.values.shape} must be [n_nodes, {len(self.names)}]")
        if not np.isfinite(self.values).all():
            raise ValueError(f"features of {self.node_type}: every number must be finite")


@dataclass(frozen=True)
class NodeTypes:
    """All node types stacked into one table of rows: a row number is the offset of the type plus the node number.

    One stacked table means one gather, one de-duplication and one optimiser step, however many tasks and node types there
    are.

    >>> nodes = NodeTypes({"user": 3, "item": 2})
    >>> nodes.offset("item"), nodes.n_rows
    (3, 5)
    """

    sizes: Mapping[str, int]

    @classmethod
    def of(cls, relations: Iterable[Relation], features: Iterable[NodeFeatures] = ()) -> "NodeTypes":
        """The node types of some relations; users and items come first.

        Raises:
            ValueError: If two relations declare different sizes for one node type.
        """
        sizes: dict[str, int] = {}
        for relation in relations:
            for node_type, size in ((relation.head_type, relation.n_heads), (relation.tail_type, relation.n_tails)):
                if sizes.setdefault(node_type, size) != size:
                    raise ValueError(f"{relation.name}: {size} nodes of type {node_type!r}, elsewhere {sizes[node_type]}")
        for described in features:
            n_nodes = len(described.values)
            if sizes.setdefault(described.node_type, n_nodes) != n_nodes:
                raise ValueError(
                    f"features: {n_nodes} nodes of type {described.node_type!r}, elsewhere {sizes[described.node_type]}"
                )
        rest = sorted(set(sizes) - {USER, ITEM})
        return cls({node_type: sizes[node_type] for node_type in (USER, ITEM, *rest) if node_type in sizes})

    @property
    def n_rows(self) -> int:
        """Rows of the stacked table."""
        return sum(self.sizes.values())

    def degrees(self, relations: Sequence[Relation | None]) -> Numbers:
        """Number of pairs of every row in every relation, int64 ``[n_relations, n_rows]``; 0 where there is no relation."""
        found = np.zeros((len(relations), self.n_rows), dtype=np.int64)
        for place, relation in enumerate(relations):
            if relation is not None:
                for kind, numbers in ((relation.head_type, relation.heads), (relation.tail_type, relation.tails)):
                    first, size = self.offset(kind), self.sizes[kind]
                    found[place, first : first + size] += np.bincount(numbers, minlength=size)
        return found

    def offset(self, node_type: str) -> int:
        """First row of a node type."""
        types = list(self.sizes)
        return sum(self.sizes[before] for before in types[: types.index(node_type)])
