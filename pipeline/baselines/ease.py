"""EASE: the item-to-item linear model that best reconstructs the interactions."""

from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor

from pipeline.baselines.base import Positive, interaction_matrix
from pipeline.data.relation import ITEM, Relation

__all__ = ["ease"]


def ease(train: Relation, seed: int, *, l2: Positive = 100.0) -> Mapping[str, Tensor]:
    """B = argmin |X - X B|^2 + l2 |B|^2 with diag B = 0 (Steck, WWW 2019, equation 8).

    In closed form B[i, j] = -P[i, j] / P[j, j] with P = (X'X + l2 I)^-1, in float64; dense, ``[n_items, n_items]``.

    Args:
        train: The interactions.
        seed: Not used.
        l2: Weight of the L2 penalty.
    """
    taken = interaction_matrix(train).astype(np.float64)
    gram = (taken.T @ taken).toarray()
    gram[np.diag_indices_from(gram)] += l2
    inverse = np.linalg.inv(gram)
    weights = -inverse / inverse.diagonal()
    np.fill_diagonal(weights, 0)
    return {ITEM: torch.from_numpy(np.ascontiguousarray(weights.T, dtype=np.float32))}
