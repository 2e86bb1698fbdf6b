"""CEASE: EASE that also reconstructs the attributes of the items."""

from collections.abc import Mapping, Sequence

import numpy as np
import scipy.sparse
import torch
from torch import Tensor

from pipeline.baselines._item_item import attribute_matrix, best_linear_model, refuse_dense
from pipeline.baselines.base import NotNegative, Positive, interaction_matrix
from pipeline.data.relation import ITEM
from pipeline.data.task_data import TaskData

__all__ = ["cease"]


def cease(data: Sequence[TaskData], seed: int, *, l2: Positive = 100.0, attributes: NotNegative = 1.0) -> Mapping[str, Tensor]:
    """EASE on the interactions with the items' attributes stacked below them (Jeunen et al., RecSys 2020, section 3.1).

    An attribute is as a user who took the items that have it.

    Args:
        data: The main task first; its side tasks give the attributes (see ``attribute_matrix``).
        seed: Not used.
        l2: Weight of the L2 penalty.
        attributes: Weight of the squared error of an attribute.

    Raises:
        MachineError: If the matrix does not fit into memory.
    """
    taken = interaction_matrix(data)
    refuse_dense("cease", taken.shape[1])
    stacked = scipy.sparse.vstack([taken, attribute_matrix(data) * np.float32(attributes**0.5)], format="csr")
    weights = best_linear_model(stacked, l2)
    return {ITEM: torch.from_numpy(np.ascontiguousarray(weights.T, dtype=np.float32))}
