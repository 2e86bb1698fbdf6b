"""Item-based nearest neighbours: items similar to those in the user's history, by the users they share."""

from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor

from pipeline.baselines.base import NotNegative, Size, interaction_matrix
from pipeline.data.relation import ITEM, Relation

__all__ = ["item_knn"]


def item_knn(train: Relation, seed: int, *, neighbours: Size = 100, shrink: NotNegative = 0.0) -> Mapping[str, Tensor]:
    """W[i, j] = c[i, j] / (sqrt(c[i, i] c[j, j]) + shrink) for the items j most similar to i (Sarwar et al., WWW 2001).

    Item i scores the sum of W[i, j] over the items j in the user's history: i's neighbours count, not j's.

    c counts the users that two items share; shrinkage as in Dacrema et al., RecSys 2019. Dense, ``[n_items, n_items]``.

    Args:
        train: The interactions.
        seed: Not used.
        neighbours: Neighbours kept per item; ties go to the lower item number.
        shrink: Shrinkage: damps similarities with little support.
    """
    taken = interaction_matrix(train)
    shared = (taken.T @ taken).toarray()
    sizes = np.sqrt(shared.diagonal())
    similar = shared / np.maximum(np.outer(sizes, sizes) + np.float32(shrink), np.float32(1e-9))
    np.fill_diagonal(similar, 0)
    if neighbours < train.n_tails:
        far = np.argsort(-similar, axis=1, kind="stable")[:, neighbours:]
        np.put_along_axis(similar, far, 0, axis=1)
    return {ITEM: torch.from_numpy(similar)}
