"""SLIM with few weights per item, for catalogues whose item-to-item matrix does not fit into memory."""

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch import Tensor

from pipeline.baselines.base import Positive, Size, interaction_matrix
from pipeline.data.task_data import TaskData
from pipeline.ranking.scoring import WEIGHTS

__all__ = ["slim"]

_ITEMS_AT_A_TIME = 256


def slim(data: Sequence[TaskData], seed: int, *, neighbours: Size = 100, l2: Positive = 50.0) -> Mapping[str, Tensor]:
    """Every item regressed on its nearest items alone (fsSLIM of Ning and Karypis, ICDM 2011, section 4, with an L2 penalty).

    W[i, N] = (G[N, N] + l2 I)^-1 G[N, i], where N are the items most similar to i by the cosine of their users and G counts the
    users that two items share. Where N are all other items it is EASE. Weights may be negative, as in EASE; the paper has none.
    What is in memory at once grows with the items times ``neighbours``, and with what a few hundred items share.

    Args:
        data: The main task first; the others are not used.
        seed: Not used.
        neighbours: Weights per item.
        l2: Weight of the L2 penalty.
    """
    taken = interaction_matrix(data).tocsc()
    n_items = taken.shape[1]
    root = np.sqrt(np.maximum(np.diff(taken.indptr), 1))
    columns, values = [], [np.zeros(0)]
    for first in range(0, n_items, _ITEMS_AT_A_TIME):
        gram = (taken[:, first : first + _ITEMS_AT_A_TIME].T @ taken).tocsr()
        gram.sort_indices()
        for row in range(gram.shape[0]):
            others, shared = (part[gram.indptr[row] : gram.indptr[row + 1]] for part in (gram.indices, gram.data))
            kept = others != first + row
            others, shared = others[kept], shared[kept]
            nearest = np.sort(np.argsort(-shared / root[others], kind="stable")[:neighbours])
            chosen, right = others[nearest], shared[nearest].astype(np.float64)
            columns.append(chosen)
            if chosen.size:
                users = taken[:, chosen]
                matrix = (users.T @ users).toarray().astype(np.float64)
                matrix[np.diag_indices_from(matrix)] += l2
                values.append(np.linalg.solve(matrix, right))
    offsets = np.concatenate([[0], np.cumsum([len(of_item) for of_item in columns])])
    arrays = (offsets, np.concatenate(columns).astype(np.int64), np.concatenate(values).astype(np.float32))
    return dict(zip(WEIGHTS, map(torch.from_numpy, arrays), strict=True))
