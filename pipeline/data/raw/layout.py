"""The layout of a delimited text file."""

from dataclasses import dataclass
from typing import Literal

__all__ = ["Layout", "Unit"]

Unit = Literal["s", "ms", "us", "ns", "d", "iso", "order"]
"""Unit of timestamps: seconds, milli-, micro-, nanoseconds or days since 1970, ISO 8601 text (20240501 is), or whole numbers
that do no more than order the interactions."""


@dataclass(frozen=True)
class Layout:
    """The format of a delimited text file; not used for Parquet.

    Attributes:
        separator: Field separator; one or more characters.
        quote: Quote character, doubled inside a quoted field. ``None``: quotes have no special meaning, as is always the case
            with a separator of several characters.
        header: Whether the first row names the columns.
        encoding: Text encoding, by its Python name.
        skip_rows: Rows to skip before the header or the first row, usually comments.
        n_fields: Number of fields per row; ``None``: that of the first row.
    """

    separator: str = ","
    quote: str | None = None
    header: bool = False
    encoding: str = "utf-8"
    skip_rows: int = 0
    n_fields: int | None = None
