"""Filter numbered interactions: duplicates, rating threshold, k-core."""

import numpy as np
import pandas as pd

from pipeline.data.split import TRAIN, VALID
from pipeline.data.tables import PART, RATING, TIMESTAMP

__all__ = ["k_core", "keep_rated", "resolve_duplicates"]


def resolve_duplicates(interactions: pd.DataFrame) -> pd.DataFrame:
    """Keep one row per (user, item) pair, sorted by both: the latest one, with ties going to the highest rating.

    If the data set has its own split, a pair in several parts stays in train, or else in valid, so that no training pair is
    also held out.
    """
    keys = [interactions[column].to_numpy() for column in (RATING, TIMESTAMP) if column in interactions]
    if PART in interactions:
        parts = interactions[PART].to_numpy(dtype="str")
        keys.append(np.select([parts == TRAIN, parts == VALID], [2, 1], 0))
    users, items = interactions["user"].to_numpy(), interactions["item"].to_numpy()
    order = np.lexsort([*keys, items, users])
    last = np.ones(order.size, dtype=bool)
    last[:-1] = (np.diff(users[order]) != 0) | (np.diff(items[order]) != 0)
    return interactions.take(order[last]).reset_index(drop=True)


def keep_rated(interactions: pd.DataFrame, min_rating: float) -> pd.DataFrame:
    """Interactions with a rating of at least ``min_rating``.

    Raises:
        ValueError: If there are no ratings.
    """
    if RATING not in interactions:
        raise ValueError("the interactions have no ratings")
    return interactions[interactions[RATING] >= min_rating].reset_index(drop=True)


def k_core(interactions: pd.DataFrame, k: int) -> pd.DataFrame:
    """The largest subset in which every user and every item has at least ``k`` interactions (iterated; 0 keeps all)."""
    while True:
        users, items = interactions["user"].to_numpy(), interactions["item"].to_numpy()
        enough = (np.bincount(users)[users] >= k) & (np.bincount(items)[items] >= k)
        if enough.all():
            return interactions.reset_index(drop=True)
        interactions = interactions[enough]
