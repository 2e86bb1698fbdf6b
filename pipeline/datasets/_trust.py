"""What Ciao and Epinions share: the trust study of Tang, Gao, Liu and Das Sarma (KDD 2012), as Matlab matrices.

Source: github.com/yushundong/Graph-Mining-Fairness-Data, pinned by commit and checksum.
"""

from pathlib import Path

import numpy as np
import pandas as pd

from pipeline.data.raw.download import RemoteFile
from pipeline.data.relation import ITEM, USER
from pipeline.data.tables import HEAD_ID, ITEM_ID, RATING, TAIL_ID, TIMESTAMP, USER_ID, RawRelation, RawTables
from pipeline.errors import InputError

__all__ = ["LEAKS", "RATINGS", "TRUST", "read_trust_study", "trust_file"]

RATINGS, TRUST = "rating_with_timestamp.mat", "trust.mat"
LEAKS = "trust has no dates, and people may trust whose (held-out) reviews they read; categories come with the ratings"

_COMMIT = "2bd4b5cd9a09d87e93c8efc490773cbfa0a7984e"
_BASE_URL = f"https://raw.githubusercontent.com/yushundong/Graph-Mining-Fairness-Data/{_COMMIT}/dataset/Epinion%26Ciao/"
_COLUMNS = {"rating": 6, "trust": 2}


def trust_file(path: str, checksum: str) -> RemoteFile:
    """A file of the collection."""
    return RemoteFile(_BASE_URL, path, checksum)


def read_trust_study(folder: Path) -> RawTables:
    """Ratings with category and time, and who trusts whom; helpfulness is not used.

    A product that was rated in several categories has all of them. Trust is taken as a link in both directions.
    """
    ratings = _matrix(folder / RATINGS, "rating")
    users, items, categories, stars, _, seconds = ratings.T
    interactions = {USER_ID: _ids(users), ITEM_ID: _ids(items), RATING: stars.astype(np.float64), TIMESTAMP: seconds}
    trusting, trusted = _matrix(folder / TRUST, "trust").T
    in_category = pd.DataFrame({HEAD_ID: _ids(items), TAIL_ID: _ids(categories)}).drop_duplicates(ignore_index=True)
    return RawTables(
        pd.DataFrame(interactions),
        {
            "social": RawRelation(USER, USER, pd.DataFrame({HEAD_ID: _ids(trusting), TAIL_ID: _ids(trusted)})),
            "category": RawRelation(ITEM, "category", in_category),
        },
    )


def _matrix(path: Path, name: str) -> "np.ndarray[tuple[int, int], np.dtype[np.int64]]":
    """A matrix of whole numbers by its name in the file."""
    import scipy.io  # late, because only the readers of these two data sets need it

    try:
        found = scipy.io.loadmat(path)[name]
        whole = found.astype(np.int64)
    except (ValueError, TypeError, KeyError, NotImplementedError) as error:
        raise InputError(f"{path}: holds no matrix {name}: {error}. Fix: download it again") from error
    if whole.ndim != 2 or whole.shape[1] != _COLUMNS[name] or not (whole == found).all():  # noqa: PLR2004  # a matrix
        raise InputError(f"{path}: {name} must be whole numbers in {_COLUMNS[name]} columns. Fix: download it again")
    matrix: np.ndarray[tuple[int, int], np.dtype[np.int64]] = whole
    return matrix


def _ids(numbers: "np.ndarray[tuple[int], np.dtype[np.int64]]") -> "pd.Series[str]":
    return pd.Series(numbers).astype("str")
