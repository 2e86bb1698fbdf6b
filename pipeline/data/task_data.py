"""What a task was built from: pairs, features of nodes, or nothing but the table itself."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from pipeline.data.relation import Relation

__all__ = ["NodeFeatures", "TaskData", "TrainingData"]

Floats = npt.NDArray[np.float64]


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
    values: Floats
    names: tuple[str, ...]

    def __post_init__(self) -> None:
        if self.values.ndim != 2 or self.values.shape[1] != len(self.names):  # noqa: PLR2004  # a matrix
            raise ValueError(f"features of {self.node_type}: {self.values.shape} must be [n_nodes, {len(self.names)}]")
        if not np.isfinite(self.values).all():
            raise ValueError(f"features of {self.node_type}: every number must be finite")


@dataclass(frozen=True, eq=False)
class TaskData:
    """The data of one task, as the stage ``build_tasks`` makes it and the stage ``train`` reads it.

    Attributes:
        name: Of the task.
        kind: The file of pipeline/tasks/ that draws its examples.
        relation: Its pairs; ``None`` where it has none.
        features: Of the nodes that it describes; ``None`` where it needs none.
    """

    name: str
    kind: str
    relation: Relation | None = None
    features: NodeFeatures | None = None


@dataclass(frozen=True, eq=False)
class TrainingData:
    """All that a task may be built from. No held-out interaction is in it, so that no task can reach one.

    Attributes:
        train: The *training* interactions; their other columns (``rating``, ``timestamp``, ...) are its ``values``.
        sides: Side tables by name.
        features: Node type -> features of its nodes.
    """

    train: Relation
    sides: Mapping[str, Relation]
    features: Mapping[str, NodeFeatures] = field(default_factory=dict)
