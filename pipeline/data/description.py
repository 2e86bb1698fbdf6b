"""What params.yaml says of a data set of somebody's own."""

from typing import Annotated, Any

import pydantic
from pydantic import Field

from pipeline.data.layout import Layout, Unit
from pipeline.data.relation import ITEM, USER, Form
from pipeline.data.tables import HEAD_ID, ITEM_ID, RATING, TAIL_ID, TIMESTAMP, USER_ID, WEIGHT
from pipeline.section import Section

__all__ = ["Column", "Description", "Links", "Log", "Name", "Table"]


def _column(found: object) -> str | int:
    if isinstance(found, bool) or not ((isinstance(found, str) and found) or (isinstance(found, int) and found >= 1)):
        raise ValueError("a name in the header, or a place, counted from 1")
    return found


Column = Annotated[str | int, pydantic.PlainValidator(_column)]
"""A name in the header, or a place, counted from 1."""

_NO_TEXT = ("punycode", "idna")  # of what Python calls encodings

Name = Annotated[str, Field(pattern="^[a-z][a-z0-9_]*$")]
"""Part of the names of files and metrics."""


def _refuse_twice(columns: dict[str, str | int | None]) -> None:
    """No column means two things.

    Raises:
        ValueError: Naming the two.
    """
    seen: dict[str | int, str] = {}
    for meaning, column in columns.items():
        if column is not None and seen.setdefault(column, meaning) != meaning:
            raise ValueError(f"{seen[column]} and {meaning} are both column {column!r}. Fix: write every column once")


class Table(Section):
    """A file and how its text lies in it; a Parquet file needs the path alone.

    Attributes:
        path: Of this machine, http(s), or whatever else fsspec opens (``s3://``, ``zip://inside::outside``, ...).
        sha256: Of the file; ``None`` takes what comes.
        header: ``None``: where columns are named there is one, where all are places there is none.
        separator, quote, encoding, skip_rows: See ``Layout``.
    """

    path: Annotated[str, Field(min_length=1, pattern=r"^[^\x00]+$")]
    sha256: Annotated[str, Field(pattern="^[0-9a-f]{64}$")] | None = None
    separator: Annotated[str, Field(min_length=1)] = ","
    quote: Annotated[str, Field(min_length=1, max_length=1)] | None = '"'
    header: bool | None = None
    encoding: str = "utf-8"
    skip_rows: Annotated[int, Field(ge=0, le=1_000_000)] = 0

    @pydantic.field_validator("separator")
    @classmethod
    def _in_a_line(cls, separator: str) -> str:
        if "\n" in separator or "\r" in separator or '"' in separator:
            raise ValueError("a separator without line breaks and quotes")
        return separator

    @pydantic.field_validator("encoding")
    @classmethod
    def _known(cls, encoding: str) -> str:
        try:
            right = "a,b\n".encode(encoding).decode(encoding) == "a,b\n" and encoding not in _NO_TEXT
        except (LookupError, ValueError):
            right = False
        if not right:
            raise ValueError("an encoding of text that Python knows, as utf-8, latin-1, cp1252 or utf-16")
        return encoding

    def columns(self) -> dict[str, str | int | None]:
        """Column of ours -> column of the file."""
        return {}

    def layout(self) -> Layout:
        """How its text lies in the file."""
        named = any(isinstance(column, str) for column in self.columns().values())
        header = named if self.header is None else self.header
        return Layout(self.separator, self.quote, header, self.encoding, self.skip_rows)


class Log(Table):
    """Who took what.

    Attributes:
        user, item: Columns of the ids.
        rating, timestamp: Columns; ``None`` where there are none.
        unit: Of the time stamps.
        valid, test: Files like this one with the held-out interactions of your own split (``preprocess.split: given``);
            ``sha256`` speaks of ``path`` alone.
    """

    user: Column
    item: Column
    rating: Column | None = None
    timestamp: Column | None = None
    unit: Unit = "s"
    valid: str | None = None
    test: str | None = None

    @pydantic.model_validator(mode="after")
    def _meaningful(self) -> "Log":
        if (self.valid is None) != (self.test is None):
            raise ValueError("one of valid and test is missing. Fix: write both, or neither")
        _refuse_twice({"user": self.user, "item": self.item, "rating": self.rating, "timestamp": self.timestamp})
        return self

    def columns(self) -> dict[str, str | int | None]:
        """See the base class."""
        return {USER_ID: self.user, ITEM_ID: self.item, RATING: self.rating, TIMESTAMP: self.timestamp}


class Links(Table):
    """A relation, which becomes a side task of the same name.

    Attributes:
        between: Node types of the two columns: ``user``, ``item``, or a type of its own with any other name (``genre``).
        head, tail: Columns of the ids.
        tail_separator: Between the ids of a tail that lists several (``Action|Comedy``); an empty list is no link. ``None``:
            the tail is one id.
        weight: Column; pairs are drawn in proportion to it. ``None``: all alike.
        directed: Among users or among items: whether a link says nothing of its way back.
        shared: Whether not the attribute is ranked, but the other users (items) that share one (who bought it too, what lay
            in the same basket).
    """

    between: Annotated[tuple[Name, Name], Field(strict=False)]
    head: Column
    tail: Column
    tail_separator: Annotated[str, Field(min_length=1)] | None = None
    weight: Column | None = None
    directed: bool = False
    shared: bool = False

    @pydantic.model_validator(mode="after")
    def _meaningful(self) -> "Links":
        head, tail = self.between
        if head not in (USER, ITEM):
            raise ValueError(f"between starts with {head!r}. Fix: write [user, ...] or [item, ...]")
        if {head, tail} == {USER, ITEM}:
            raise ValueError(
                "between links users with items, and a log beside the interactions could hold what is held out. Fix: leave "
                "this relation out"
            )
        if self.shared and (head == tail or self.weight is not None):
            raise ValueError("shared: true is for users (items) that share an attribute, without weight. Fix: write false")
        if self.directed and head != tail:
            raise ValueError("directed: true is for [user, user] and [item, item]. Fix: write false")
        _refuse_twice({"head": self.head, "tail": self.tail, "weight": self.weight})
        return self

    def columns(self) -> dict[str, str | int | None]:
        """See the base class."""
        return {HEAD_ID: self.head, TAIL_ID: self.tail, WEIGHT: self.weight}

    @property
    def form(self) -> Form:
        """The task that it becomes."""
        if self.shared:
            return "shared"
        if self.between[0] != self.between[1]:
            return "membership"
        return "directed" if self.directed else "undirected"


class Description(Section):
    """A data set of somebody's own.

    Attributes:
        interactions: The main table.
        relations: Side tables by name.
    """

    interactions: Log
    relations: Annotated[dict[Name, Links], Field(default_factory=dict)]

    def tables(self) -> dict[str, Log | Links]:
        """Every file by the name of its table."""
        files: dict[str, Log | Links] = {"interactions": self.interactions}
        for part in ("valid", "test"):
            if path := getattr(self.interactions, part):
                files[part] = self.interactions.model_copy(update={"path": path, "sha256": None})
        return files | self.relations

    @pydantic.field_validator("relations")
    @classmethod
    def _free(cls, relations: dict[str, Any]) -> dict[str, Any]:
        if taken := {"interactions", "valid", "test", "recommendation"} & set(relations):
            raise ValueError(f"another name than {min(taken)}")
        return relations
