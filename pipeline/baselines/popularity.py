"""Most popular items: the same ranking for every user."""

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch import Tensor

from pipeline.baselines.base import interaction_matrix
from pipeline.data.relation import ITEM, USER
from pipeline.data.task_data import TaskData

__all__ = ["popularity"]


def popularity(data: Sequence[TaskData], seed: int) -> Mapping[str, Tensor]:
    """Score every item by its number of training users."""
    taken = interaction_matrix(data)
    counts = np.asarray(taken.sum(axis=0), dtype=np.float32)
    return {USER: torch.ones(taken.shape[0], 1), ITEM: torch.from_numpy(counts).unsqueeze(1)}
