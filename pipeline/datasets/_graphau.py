"""What the Amazon data sets of the authors of PMTRec share: their own split, and nothing beside ratings.

Source: github.com/YangLiangwei/GraphAU, pinned by commit and checksum.
"""

from functools import partial
from pathlib import Path

import pandas as pd

from pipeline.data.raw.download import RemoteFile, fetch
from pipeline.data.raw.text import read_text
from pipeline.data.split import TEST, TRAIN, VALID
from pipeline.data.tables import ITEM_ID, PART, RATING, USER_ID, RawTables
from pipeline.datasets.base import Dataset

__all__ = ["read_parts", "with_given_split"]

_COMMIT = "25c1b0d1bc042d8ce3bd9da08860612c593a9182"
_BASE_URL = f"https://raw.githubusercontent.com/YangLiangwei/GraphAU/{_COMMIT}/datasets/amazon-"
_FILES = {TRAIN: "train.txt", VALID: "val.txt", TEST: "test.txt"}


def with_given_split(folder: str, sums: tuple[str, str, str]) -> Dataset:
    """A data set of the collection; ``preprocess.split: given`` is the authors' split.

    Args:
        folder: Of the collection, without the ``amazon-`` before its name.
        sums: sha256 of train.txt, val.txt and test.txt.
    """
    files = [RemoteFile(_BASE_URL, f"{folder}/{name}", sha256) for name, sha256 in zip(_FILES.values(), sums, strict=True)]
    return Dataset(partial(fetch, files), read_parts, "nothing: there are no side tables, and no task sees a held-out rating")


def read_parts(folder: Path) -> RawTables:
    """Ratings of 1 to 5 stars, each with the part that it is in."""
    tables = {part: read_text(folder / name, ",", [USER_ID, ITEM_ID, RATING]) for part, name in _FILES.items()}
    return RawTables(pd.concat([table.assign(**{PART: part}) for part, table in tables.items()], ignore_index=True))
