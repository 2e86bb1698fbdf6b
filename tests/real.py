"""The real files of the data sets, where they are at hand."""

import os
from pathlib import Path

import pytest

from pipeline import plugins
from pipeline.data.raw.download import MIRROR_VARIABLE
from pipeline.data.tables import RawTables

__all__ = ["PUBLIC", "read_real", "skip_unless_at_hand"]

PUBLIC = sorted({*plugins.names("datasets")} - {"demo", plugins.CUSTOM})
"""Data sets that come from elsewhere."""


def skip_unless_at_hand(name: str) -> None:
    """Skip a test of a public data set some file of which no mirror has."""
    mirrors = [mirror for mirror in os.environ.get(MIRROR_VARIABLE, "").split(";") if mirror]
    files = plugins.load("datasets", name).fetch.args[0]
    missing = [file.path for file in files if not any(Path(mirror, file.path).is_file() for mirror in mirrors)]
    if missing:
        pytest.skip(f"{name}: no folder of {MIRROR_VARIABLE} has {missing[0]}")


def read_real(name: str, folder: Path) -> RawTables:
    """A data set, from its verified files, which are put into ``folder``."""
    dataset = plugins.load("datasets", name)
    dataset.fetch(folder)
    tables: RawTables = dataset.read(folder)
    return tables
