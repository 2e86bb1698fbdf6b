"""The schema of a user-supplied data set, as described in params.yaml."""

from typing import Annotated, Any

import pydantic
from pydantic import Field

from pipeline.data.raw.layout import Layout, Unit
from pipeline.data.raw.remote import listed
from pipeline.data.relation import ITEM, USER, RelationKind
from pipeline.data.tables import HEAD_ID, ITEM_ID, NODE_ID, RATING, TAIL_ID, TIMESTAMP, TITLE, USER_ID, WEIGHT
from pipeline.errors import InputError
from pipeline.secrets import has_secret
from pipeline.strict_model import StrictModel

__all__ = ["Column", "Description", "Features", "Links", "Log", "Name", "Table", "Titles"]


def _column(found: object) -> str | int:
    if isinstance(found, bool) or not ((isinstance(found, str) and found) or (isinstance(found, int) and found >= 1)):
        raise ValueError("a column name or number (counted from 1)")
    return found


_COLUMN_SCHEMA = pydantic.WithJsonSchema({"anyOf": [{"type": "string"}, {"type": "integer", "minimum": 1}]})

Column = Annotated[str | int, pydantic.PlainValidator(_column), _COLUMN_SCHEMA]
"""A column name from the header, or a column number (counted from 1)."""

_TAKEN = {"user", "item", "head", "tail", "weight", "rating", "timestamp", "part", USER_ID, ITEM_ID, HEAD_ID, TAIL_ID, NODE_ID}

_NO_TEXT = ("punycode", "idna")  # Python codecs that do not encode files


def _no_secret(address: str) -> str:
    if has_secret(address):  # it would be in git, in DVC and in MLflow
        raise ValueError("an address without a password or token. Fix: write it as a variable of the environment, $TOKEN")
    return address


Address = Annotated[str, Field(min_length=1, pattern=r"^[^\x00]+$"), pydantic.AfterValidator(_no_secret)]

Name = Annotated[str, Field(pattern="^[a-z][a-z0-9_]*$")]
"""A name that becomes part of file and metric names."""


def _refuse_twice(columns: dict[str, str | int | None]) -> None:
    """Check that no column is used twice.

    Raises:
        ValueError: If one is; names both uses.
    """
    seen: dict[str | int, str] = {}
    for meaning, column in columns.items():
        if column is not None and seen.setdefault(column, meaning) != meaning:
            raise ValueError(f"{seen[column]} and {meaning} both use column {column!r}. Fix: use each column only once")


class Table(StrictModel):
    """A file and its format; a Parquet file needs only the path.

    Attributes:
        path: A local path, in which ``~`` and environment variables are expanded, an http(s) URL, or anything else that fsspec
            opens (``s3://``, ``zip://inside::outside``, ...). A local folder or a pattern (``logs/*.csv``) stands for all its
            files, whose rows are one table.
        sha256: Expected checksum of a single file; ``None`` skips the check.
        separator: Field separator; one or more characters.
        quote: Quote character, doubled inside a quoted field; ``None``: quotes have no special meaning.
        header: Whether there is a header row; ``None``: only if some column is given by name rather than by number.
        encoding: Text encoding, by its Python name.
        skip_rows: Rows to skip before the header or the first row, usually comments.
    """

    path: Address
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
            raise ValueError("a separator without line breaks or quotes")
        return _readable(separator) if len(separator) == 1 else separator

    @pydantic.field_validator("quote")
    @classmethod
    def _readable_quote(cls, quote: str | None) -> str | None:
        return None if quote is None else _readable(quote)

    @pydantic.field_validator("encoding")
    @classmethod
    def _known(cls, encoding: str) -> str:
        try:
            right = "a,b\n".encode(encoding).decode(encoding) == "a,b\n" and encoding not in _NO_TEXT
        except (LookupError, ValueError):
            right = False
        if not right:
            raise ValueError("a text encoding that Python supports, such as utf-8, latin-1, cp1252 or utf-16")
        return encoding

    def files(self) -> list[str]:
        """Addresses of its files.

        Raises:
            InputError: If a folder or a pattern stands for none, or if there are several, of which one has a checksum.
        """
        found = [file for path in ([self.path] if isinstance(self.path, str) else self.path) for file in listed(path)]
        if self.sha256 and len(found) > 1:
            raise InputError(f"{self.path}: {len(found)} files, and sha256 is of one. Fix: remove sha256, or name one file")
        return found

    def columns(self) -> dict[str, str | int | None]:
        """Our column name -> column in the file."""
        return {}

    def layout(self) -> Layout:
        """The layout of the file, if it is text."""
        named = any(isinstance(column, str) for column in self.columns().values())
        header = named if self.header is None else self.header
        return Layout(self.separator, self.quote, header, self.encoding, self.skip_rows)


class Log(Table):
    """The interaction log.

    Attributes:
        user, item: Columns of the user ids and item ids.
        rating, timestamp: Columns; ``None`` if there is none.
        unit: Unit of the timestamps.
        numbers: Name -> column of further numbers of an interaction, which are kept beside it.
        valid, test: Files of the same format with the held-out interactions of your own split
            (``preprocess.split: given``); ``sha256`` applies to ``path`` only.
    """

    user: Column
    item: Column
    rating: Column | None = None
    timestamp: Column | None = None
    unit: Unit = "s"
    numbers: Annotated[dict[Name, Column], Field(default_factory=dict)]
    valid: Address | None = None
    test: Address | None = None

    @pydantic.field_validator("numbers")
    @classmethod
    def _free(cls, numbers: dict[str, Column]) -> dict[str, Column]:
        if taken := _TAKEN & set(numbers):
            raise ValueError(f"columns with other names than {min(taken)}")
        return numbers

    @pydantic.model_validator(mode="after")
    def _meaningful(self) -> "Log":
        if (self.valid is None) != (self.test is None):
            raise ValueError("only one of valid and test is set. Fix: set both, or neither")
        named = {"user": self.user, "item": self.item, "rating": self.rating, "timestamp": self.timestamp}
        _refuse_twice({**named, **self.numbers})
        return self

    def columns(self) -> dict[str, str | int | None]:
        """See the base class."""
        return {USER_ID: self.user, ITEM_ID: self.item, RATING: self.rating, TIMESTAMP: self.timestamp, **self.numbers}


class Links(Table):
    """A relation, which becomes a side task of the same name.

    Attributes:
        between: Node types of the two columns: ``user``, ``item``, or any other name for a type of its own (``genre``).
        head, tail: Columns of the head ids and tail ids.
        tail_separator: Separator of the ids in a tail field that lists several (``Action|Comedy``); an empty field means no
            link. ``None``: one id per field.
        weight: Column; pairs are sampled in proportion to it. ``None``: uniformly.
        directed: For user-user and item-item links: whether a link does not imply its reverse.
        shared: Whether to rank the other users (items) that share an attribute instead of the attribute itself (buyers of
            the same product, items in the same basket).
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
            raise ValueError(f"between must start with user or item (found {head!r}). Fix: write [user, ...] or [item, ...]")
        if {head, tail} == {USER, ITEM}:
            raise ValueError(
                "between links users with items, and a second user-item log could contain held-out interactions. "
                "Fix: remove this relation"
            )
        if self.shared and (head == tail or self.weight is not None):
            raise ValueError("shared: true requires attributes as tails, and no weight. Fix: set it to false")
        if self.directed and head != tail:
            raise ValueError("directed: true requires [user, user] or [item, item]. Fix: set it to false")
        _refuse_twice({"head": self.head, "tail": self.tail, "weight": self.weight})
        return self

    def columns(self) -> dict[str, str | int | None]:
        """See the base class."""
        return {HEAD_ID: self.head, TAIL_ID: self.tail, WEIGHT: self.weight}

    @property
    def kind(self) -> RelationKind:
        """How the links become the pairs of the task."""
        if self.shared:
            return "shared"
        if self.between[0] != self.between[1]:
            return "membership"
        return "directed" if self.directed else "undirected"


class Features(Table):
    """Numbers that describe the nodes of a type.

    Attributes:
        id: Column of the node's id.
        numbers: Columns.
    """

    id: Column
    numbers: Annotated[list[Column], Field(min_length=1)]

    def columns(self) -> dict[str, str | int | None]:
        """See the base class."""
        return {NODE_ID: self.id, **{str(column): column for column in self.numbers}}

    @pydantic.field_validator("numbers")
    @classmethod
    def _distinct(cls, numbers: list[Column]) -> list[Column]:
        names = [str(column) for column in numbers]
        if len(set(names)) < len(names):
            raise ValueError("a list without duplicates")
        if taken := {*names} & {WEIGHT, RATING, TIMESTAMP, USER_ID, ITEM_ID, HEAD_ID, TAIL_ID, NODE_ID}:
            raise ValueError(f"columns with other names than {min(taken)}")
        return numbers


class Titles(Table):
    """What people call the items; nothing is learned from it.

    Attributes:
        id: Column of the item's id.
        title: Column of its title.
    """

    id: Column
    title: Column

    def columns(self) -> dict[str, str | int | None]:
        """See the base class."""
        return {NODE_ID: self.id, TITLE: self.title}


def _readable(sign: str) -> str:
    """What the reader of text takes for a sign between or around fields."""
    if not sign.isascii() or sign in "\0\r\n":
        raise ValueError("one ASCII character, and no line break")
    return sign


class Description(StrictModel):
    """A user-supplied data set.

    Attributes:
        interactions: The interaction log.
        relations: Side tables by name.
        features: Node type -> numbers that describe its nodes.
        titles: What people call the items.
    """

    interactions: Log
    relations: Annotated[dict[Name, Links], Field(default_factory=dict)]
    features: Annotated[dict[Name, Features], Field(default_factory=dict)]
    titles: Titles | None = None

    def tables(self) -> dict[str, Log | Links | Features | Titles]:
        """Table name -> file, held-out parts included."""
        files: dict[str, Log | Links | Features | Titles] = {"interactions": self.interactions}
        for part in ("valid", "test"):
            if path := getattr(self.interactions, part):
                files[part] = self.interactions.model_copy(update={"path": path, "sha256": None})
        titles = {"titles": self.titles} if self.titles else {}
        return files | self.relations | {f"features.{node_type}": table for node_type, table in self.features.items()} | titles

    @pydantic.field_validator("relations")
    @classmethod
    def _free(cls, relations: dict[str, Any]) -> dict[str, Any]:
        if taken := {"interactions", "valid", "test", "recommendation", "titles"} & set(relations):
            raise ValueError(f"a name other than {min(taken)}")
        return relations
