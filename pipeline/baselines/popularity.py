"""Most popular items: the same ranking for every user."""

from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor

from pipeline.baselines.base import interaction_matrix
from pipeline.data.relation import ITEM, USER, Relation

__all__ = ["popularity"]


def popularity(train: Relation, seed: int) -> Mapping[str, Tensor]:
    """Score every item by its number of training users."""
    counts = np.asarray(interaction_matrix(train).sum(axis=0), dtype=np.float32)
    return {USER: torch.ones(train.n_heads, 1), ITEM: torch.from_numpy(counts).unsqueeze(1)}
