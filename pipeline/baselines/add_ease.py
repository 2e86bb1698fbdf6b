"""Add-EASE: the weighted sum of an EASE on the interactions and one on the attributes of the items."""

from collections.abc import Mapping, Sequence
from typing import Annotated

import numpy as np
import pydantic
import torch
from torch import Tensor

from pipeline.baselines._item_item import attribute_matrix, best_linear_model, refuse_dense
from pipeline.baselines.base import Positive, interaction_matrix
from pipeline.data.relation import ITEM
from pipeline.data.task_data import TaskData

__all__ = ["add_ease"]


def add_ease(
    data: Sequence[TaskData],
    seed: int,
    *,
    l2: Positive = 100.0,
    attribute_l2: Positive = 100.0,
    share: Annotated[float, pydantic.Field(ge=0, le=1)] = 0.8,
) -> Mapping[str, Tensor]:
    """Jeunen et al., RecSys 2020, section 3.2.

    Args:
        data: The main task first; its side tasks give the attributes (see ``attribute_matrix``).
        seed: Not used.
        l2: Weight of the L2 penalty of the model of the interactions.
        attribute_l2: That of the model of the attributes.
        share: Of the model of the interactions in the sum.

    Raises:
        MachineError: If the matrix does not fit into memory.
    """
    taken = interaction_matrix(data)
    refuse_dense("add_ease", taken.shape[1])
    weights = share * best_linear_model(taken, l2) + (1 - share) * best_linear_model(attribute_matrix(data), attribute_l2)
    return {ITEM: torch.from_numpy(np.ascontiguousarray(weights.T, dtype=np.float32))}
