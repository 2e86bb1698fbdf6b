"""EASE: the item-to-item linear model that best reconstructs the interactions."""

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch import Tensor

from pipeline.baselines._item_item import best_linear_model, refuse_dense
from pipeline.baselines.base import Positive, interaction_matrix
from pipeline.data.relation import ITEM
from pipeline.data.task_data import TaskData

__all__ = ["ease"]


def ease(data: Sequence[TaskData], seed: int, *, l2: Positive = 100.0) -> Mapping[str, Tensor]:
    """Steck, WWW 2019 (see ``best_linear_model``); dense, ``[n_items, n_items]``.

    Args:
        data: The main task first; the others are not used.
        seed: Not used.
        l2: Weight of the L2 penalty.

    Raises:
        MachineError: If the matrix does not fit into memory.
    """
    taken = interaction_matrix(data)
    refuse_dense("ease", taken.shape[1])
    weights = best_linear_model(taken, l2)
    return {ITEM: torch.from_numpy(np.ascontiguousarray(weights.T, dtype=np.float32))}
