"""What preprocessing makes of a data set."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from pipeline.data.ids import IdMap
from pipeline.data.relation import NodeFeatures, SideTable
from pipeline.data.split import Split

__all__ = ["Processed"]


@dataclass(frozen=True, eq=False)
class Processed:
    """A preprocessed data set: numbered ids, filtered and split interactions.

    Attributes:
        split: The interactions.
        ids: Node type -> id map.
        sides: Side tables by name.
        features: Node type -> features of its nodes.
        titles: Raw id of an item -> what people call it, where the data have that.
    """

    split: Split
    ids: Mapping[str, IdMap]
    sides: Mapping[str, SideTable]
    features: Mapping[str, NodeFeatures] = field(default_factory=dict)
    titles: Mapping[str, str] = field(default_factory=dict)
