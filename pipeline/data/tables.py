"""RawTables: what a data set's reader returns."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import pandas as pd

from pipeline.data.relation import RelationKind

__all__ = [
    "HEAD_ID",
    "ITEM_ID",
    "NODE_ID",
    "PART",
    "RATING",
    "TAIL_ID",
    "TIMESTAMP",
    "TITLE",
    "USER_ID",
    "WEIGHT",
    "RawRelation",
    "RawTables",
]

USER_ID = "user_id"
ITEM_ID = "item_id"
RATING = "rating"
TIMESTAMP = "timestamp"
PART = "part"
HEAD_ID = "head_id"
TAIL_ID = "tail_id"
NODE_ID = "node_id"
WEIGHT = "weight"
TITLE = "title"


@dataclass(frozen=True, eq=False)
class RawRelation:
    """Side information in raw ids: links from nodes of one type to nodes of another.

    Attributes:
        head_type: Node type of the heads: ``"user"``, ``"item"`` or a type of its own.
        tail_type: Node type of the tails.
        table: Columns ``head_id`` and ``tail_id`` (text), optionally ``weight`` (float64, > 0).
        kind: How its links become the pairs of the ranking task of its name; ``None`` where a file of pipeline/tasks/ makes the
            task, or nothing does.
    """

    head_type: str
    tail_type: str
    table: pd.DataFrame
    kind: RelationKind | None = None


@dataclass(frozen=True, eq=False)
class RawTables:
    """A data set in raw ids.

    Attributes:
        interactions: Columns ``user_id``, ``item_id`` (text), optionally ``rating`` (float64), ``timestamp``
            (int64, seconds since 1970), ``part`` (``"train"``, ``"valid"`` or ``"test"``: the data set's own split) and further
            numeric columns (float64).
        relations: Side information by name. A task looks its table up by this name.
        features: Node type -> numbers that describe its nodes: the column ``node_id`` (text), and float64 columns.
        titles: What people call the items: columns ``node_id`` and ``title`` (text).
    """

    interactions: pd.DataFrame
    relations: Mapping[str, RawRelation] = field(default_factory=dict)
    features: Mapping[str, pd.DataFrame] = field(default_factory=dict)
    titles: pd.DataFrame | None = None
