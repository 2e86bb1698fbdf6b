"""Data with a known answer, shared by the tests."""

import numpy as np
import pandas as pd

from pipeline.data.relation import ITEM, USER, Relation
from pipeline.data.splitting import Split


def relation(name: str, head_type: str, tail_type: str, pairs: list[tuple[int, int]], n_heads: int, n_tails: int) -> Relation:
    heads, tails = np.array(pairs, dtype=np.int64).reshape(-1, 2).T.copy()
    return Relation(name, head_type, tail_type, heads, tails, n_heads, n_tails)


def interactions(pairs: list[tuple[int, int]]) -> pd.DataFrame:
    return pd.DataFrame(pairs, columns=["user", "item"], dtype="int64")


def checkerboard(n: int = 16) -> tuple[Split, Relation]:
    """Even users like even items, odd users odd ones; the diagonal and its neighbour are held out.

    Returns:
        The split, and a social relation of users of the same colour.
    """
    same = [(i, j) for i in range(n) for j in range(n) if (i + j) % 2 == 0]
    held_out = [(i, i) for i in range(n)]
    valid = [(i, (i + 2) % n) for i in range(n)]
    train = [pair for pair in same if pair not in held_out and pair not in valid]
    split = Split(interactions(train), interactions(valid), interactions(held_out), n, n)
    return split, relation("social", USER, USER, [pair for pair in same if pair[0] != pair[1]], n, n)


def small_relations() -> list[Relation]:
    """Three tasks that touch different tables: 4 users, 5 items, 2 categories."""
    return [
        relation("recommendation", USER, ITEM, [(0, 0), (0, 1), (1, 2), (2, 3), (3, 4)], 4, 5),
        relation("category", ITEM, "category", [(0, 0), (1, 1), (2, 0)], 5, 2),
        relation("social", USER, USER, [(0, 1), (1, 0), (2, 3), (3, 2)], 4, 4),
    ]
