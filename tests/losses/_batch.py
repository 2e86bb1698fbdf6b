"""A loss on triplets of embeddings, as its formula has them."""

import numpy as np
import torch
from torch import Tensor

from pipeline.data.relation import NodeTypes, Relation
from pipeline.losses._base import Loss

ONE = np.zeros(1, dtype=np.int64)
TASK = Relation("recommendation", "user", "item", ONE, ONE, 1, 1)
NODES = NodeTypes({"user": 1, "item": 1})


def of(loss: Loss, heads: Tensor, tails: Tensor, negatives: Tensor) -> Tensor:
    """Every head, tail and negative is a row of its own."""
    n = len(heads)
    at = (torch.arange(n), torch.arange(n, 2 * n), torch.arange(2 * n, 2 * n + len(negatives)))
    value: Tensor = loss(torch.cat([heads, tails, negatives]), at, torch.arange(2 * n + len(negatives)))
    return value
