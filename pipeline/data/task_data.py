"""What a task was built from: pairs, features of nodes, or nothing but the table itself."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from pipeline.data.relation import NodeFeatures, Relation

__all__ = ["TaskData", "TrainingData"]


@dataclass(frozen=True, eq=False)
class TaskData:
    """The data of one task, as the stage ``build_tasks`` makes it and the stage ``train`` reads it.

    Attributes:
        name: Task name.
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
