"""Normal equations written entry by entry, and small tasks to hold the solver against them."""

from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from pipeline.data.relation import ITEM, USER
from pipeline.solvers.base import Machine
from tests.toy import relation, tasks_of

Floats = npt.NDArray[np.float64]
DOUBLE = Machine(dtype=torch.float64)
OPTIONS: dict[str, Any] = {"dim": 5, "unobserved_weight": 0.3, "regularization": 0.02}


def random_tasks(n_users: int = 9, n_items: int = 7, n_tags: int = 4) -> Any:
    """Interactions, tags of items, friends of users; some users and items have none of one or the other."""
    generator = np.random.default_rng(0)

    def pairs(n_heads: int, n_tails: int, n: int) -> list[tuple[int, int]]:
        heads, tails = generator.integers(0, n_heads, n), generator.integers(0, n_tails, n)
        return list(zip(heads.tolist(), tails.tolist(), strict=True))

    return tasks_of(
        [
            relation("recommendation", USER, ITEM, pairs(n_users - 1, n_items - 1, 25), n_users, n_items),
            relation("category", ITEM, "tag", pairs(n_items, n_tags, 12), n_items, n_tags),
            relation("social", USER, USER, pairs(n_users, n_users, 15), n_users, n_users),
        ]
    )


def dense(of: Any) -> Floats:
    matrix = np.zeros((of.n_heads, of.n_tails))
    matrix[of.heads, of.tails] = 1
    return matrix


def half_step(
    linked: list[tuple[Floats, Floats, Floats]], a: float, l2: float, exponent: float
) -> tuple[Floats, list[Floats], list[Floats]]:
    """Rows solved one by one from (observed ``[n, m]``, table of the other end ``[m, d]``, weights ``[n]``) per relation."""
    n, d = linked[0][0].shape[0], linked[0][1].shape[1]
    solved = np.zeros((n, d))
    matrices, rights = [], []
    for row in range(n):
        matrix, right = np.zeros((d, d)), np.zeros(d)
        for observed, table, weights in linked:
            confidence = observed[row] + a
            penalty = l2 * (observed[row].sum() + a * len(table)) ** exponent
            matrix += weights[row] * ((table.T * confidence) @ table + penalty * np.eye(d))
            right += weights[row] * table.T @ observed[row]
        matrices.append(matrix)
        rights.append(right)
        solved[row] = np.linalg.solve(matrix, right)
    return solved, matrices, rights
