"""Data with a known answer, shared by the tests."""

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from pipeline.data.examples import HEADS, NEGATIVES, TAILS, Examples
from pipeline.data.relation import ITEM, USER, Relation
from pipeline.data.split import Split
from pipeline.data.task_data import TaskData
from pipeline.ranking.scoring import Scoring


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


def scoring(users: Tensor, items: Tensor, popularity: list[int] | None = None) -> Scoring:
    """Two tables that rank; by default no item is more popular than another."""
    counts = torch.zeros(len(items), dtype=torch.int64) if popularity is None else torch.tensor(popularity)
    return Scoring(users, items, counts.to(items.device))


def small_relations() -> list[Relation]:
    """Three tasks that touch different tables: 4 users, 5 items, 2 categories."""
    return [
        relation("recommendation", USER, ITEM, [(0, 0), (0, 1), (1, 2), (2, 3), (3, 4)], 4, 5),
        relation("category", ITEM, "category", [(0, 0), (1, 1), (2, 0)], 5, 2),
        relation("social", USER, USER, [(0, 1), (1, 0), (2, 3), (3, 2)], 4, 4),
    ]


def tasks_of(relations: list[Relation]) -> list[TaskData]:
    """A ranking task of each relation; the first is the main one."""
    return [TaskData(relation.name, "ranking", relation) for relation in relations]


def triplets(heads: list[int] | Tensor, tails: list[int] | Tensor, negatives: list[int] | Tensor) -> Examples:
    """Examples of a ranking task."""
    columns = (torch.as_tensor(column) for column in (heads, tails, negatives))
    return Examples(dict(zip((HEADS, TAILS, NEGATIVES), columns, strict=True)))
