"""What a data set is: how to get its raw files and how to read them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pipeline import plugins
from pipeline.data.tables import RawTables

__all__ = ["Dataset", "open_dataset"]


@dataclass(frozen=True)
class Dataset:
    """A data set.

    Attributes:
        fetch: Puts the raw files into an empty folder.
        read: Reads that folder.
        leaks: What its side tables may reveal about held-out interactions, in one sentence for readers of the results.
        preprocess: How it is usually prepared, where params.yaml says nothing else: keys of its section ``preprocess``.
    """

    fetch: Callable[[Path], None]
    read: Callable[[Path], RawTables]
    leaks: str
    preprocess: Mapping[str, Any] = field(default_factory=dict)


def open_dataset(plug_in: str, described: Mapping[str, Any] | None = None) -> Dataset:
    """The data set of a plug-in; of ``custom`` that of a description."""
    found: Any = plugins.load("datasets", plug_in)
    dataset: Dataset = found if described is None else found(described)
    return dataset
