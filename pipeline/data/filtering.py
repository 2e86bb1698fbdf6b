"""Which interactions are kept: duplicates, rating threshold, k-core."""

import numpy as np
import pandas as pd

from pipeline.data.tables import ITEM_ID, RATING, TIMESTAMP, USER_ID

__all__ = ["k_core", "keep_rated", "resolve_duplicates"]


def resolve_duplicates(interactions: pd.DataFrame) -> pd.DataFrame:
    """One row per (user, item), in the order of the ids: the latest, and among equally late ones the best rated."""
    pair = [USER_ID, ITEM_ID]
    order = pair + [column for column in (TIMESTAMP, RATING) if column in interactions]
    return interactions.sort_values(order).drop_duplicates(pair, keep="last", ignore_index=True)


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
        counts = np.minimum(
            interactions.groupby(USER_ID)[ITEM_ID].transform("size"),
            interactions.groupby(ITEM_ID)[USER_ID].transform("size"),
        )
        if (counts >= k).all():
            return interactions.reset_index(drop=True)
        interactions = interactions[counts >= k]
