"""What the data sets of the HIN collection share.

Source: github.com/librahu/HIN-Datasets-for-Recommendation-and-Network-Embedding, pinned by commit and checksum. The
collection's ``*(knn).dat`` files are neighbours computed from all interactions, held-out ones included: never used.
"""

from pathlib import Path

from pipeline.data.raw.download import RemoteFile
from pipeline.data.raw.text import read_text
from pipeline.data.tables import RawRelation

__all__ = ["AS_PEERS", "hin_file", "read_links"]

AS_PEERS = {"k_core": 5, "ratios": [0.7, 0.1, 0.2]}
"""How these data sets are prepared in most comparisons: five interactions at least, and a split per user."""

_COMMIT = "cc05c484b628b08237f0a876fcebf99d736ccbea"
_BASE_URL = f"https://raw.githubusercontent.com/librahu/HIN-Datasets-for-Recommendation-and-Network-Embedding/{_COMMIT}/"


def hin_file(path: str, sha256: str) -> RemoteFile:
    """A file of the collection."""
    return RemoteFile(_BASE_URL, path, sha256)


def read_links(path: Path, delimiter: str, head_type: str, tail_type: str, n_columns: int = 2) -> RawRelation:
    """A file of links; columns after the second carry no meaning in this collection and are dropped."""
    columns = ["head_id", "tail_id", *(f"unused_{i}" for i in range(2, n_columns))]
    return RawRelation(head_type, tail_type, read_text(path, delimiter, columns)[["head_id", "tail_id"]])
