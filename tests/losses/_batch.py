"""A loss on triplets of embeddings, as its formula has them."""

import numpy as np
import torch
from torch import Tensor

from pipeline.data.relation import NodeTypes, Relation
from pipeline.data.task_data import TaskData
from pipeline.losses.base import Loss
from tests.toy import triplets

ONE = np.zeros(1, dtype=np.int64)
TASK = TaskData("recommendation", "recommendation", Relation("recommendation", "user", "item", ONE, ONE, 1, 1))
NODES = NodeTypes({"user": 1, "item": 1})


def of(loss: Loss, heads: Tensor, tails: Tensor, negatives: Tensor) -> Tensor:
    """Every head, tail and negative is a row of its own."""
    n = len(heads)
    at = triplets(torch.arange(n), torch.arange(n, 2 * n), torch.arange(2 * n, 2 * n + len(negatives)))
    value: Tensor = loss(torch.cat([heads, tails, negatives]), at, torch.arange(2 * n + len(negatives)))
    return value
