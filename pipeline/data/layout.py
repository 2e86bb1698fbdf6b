"""How a table of somebody's own lies in its file."""

from dataclasses import dataclass
from typing import Literal

__all__ = ["Layout", "Unit"]

Unit = Literal["s", "ms", "us", "ns", "iso"]
"""Of time stamps: seconds, milli-, micro- or nanoseconds since 1970, or a text of ISO 8601."""


@dataclass(frozen=True)
class Layout:
    """Delimited text; a Parquet file needs none of it.

    Attributes:
        separator: Between two fields; one character or more.
        quote: Character around fields that hold the separator, doubled inside them; ``None`` where quotes mean nothing, as they
            do with a separator of several characters.
        header: Whether the first row names the columns.
        encoding: Of the text, as Python names it.
        skip_rows: Rows before the header or the first row: comments, as a rule.
        n_fields: Fields of every row; ``None``: as many as the first row has.
    """

    separator: str = ","
    quote: str | None = None
    header: bool = False
    encoding: str = "utf-8"
    skip_rows: int = 0
    n_fields: int | None = None
