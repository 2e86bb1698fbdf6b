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
        quote: Character around fields that hold the separator, doubled inside them; ``None`` where quotes mean nothing.
        header: Whether the first row names the columns.
        encoding: Of the text, as Python names it.
        n_fields: Fields of every row; ``None``: as many as the first row has.
    """

    separator: str = ","
    quote: str | None = None
    header: bool = False
    encoding: str = "utf-8"
    n_fields: int | None = None
