"""What a data set is: how to get its raw files and how to read them."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from pipeline.data.tables import RawTables

__all__ = ["Dataset"]


@dataclass(frozen=True)
class Dataset:
    """A data set.

    Attributes:
        fetch: Puts the raw files into an empty folder.
        read: Reads that folder.
        leaks: What its side tables may tell of held-out interactions, in a sentence for the person who reads the numbers.
    """

    fetch: Callable[[Path], None]
    read: Callable[[Path], RawTables]
    leaks: str
