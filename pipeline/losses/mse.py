"""Squared error of a number that belongs to a pair, such as a rating."""

from typing import Literal

import torch
from torch import Tensor, nn

from pipeline.data.examples import HEADS, TAILS, TARGETS, Examples
from pipeline.data.relation import NodeTypes
from pipeline.data.task_data import TaskData
from pipeline.losses._reduction import Reduction, reduced
from pipeline.losses.base import Loss

__all__ = ["MSE"]


class MSE(Loss):
    """mean over the batch of (r - r'(h, t))^2.

    Args:
        task, nodes, dim, is_main: See the base class; the pairs of ``task`` have a ``rating`` unless ``bias`` is ``"none"``.
        bias: r'(h, t) is ``"none"``: <h, t>; ``"mean"``: mu + <h, t>, with mu the mean of the training ratings; ``"full"``:
            mu + b_h + b_t + <h, t>, with a learned number for every node (Koren et al., IEEE Computer 2009, equation 4).
        reduction: ``"mean"`` over the batch, or ``"sum"``.
    """

    needs = (HEADS, TAILS, TARGETS)

    mean: Tensor

    def __init__(
        self,
        task: TaskData,
        nodes: NodeTypes,
        dim: int,
        is_main: bool,
        *,
        bias: Literal["none", "mean", "full"] = "none",
        reduction: Reduction = "mean",
    ) -> None:
        super().__init__(task, nodes, dim, is_main)
        self.reduction = reduction
        ratings = task.relation.values.get("rating") if task.relation is not None and bias != "none" else None
        self.register_buffer("mean", torch.tensor(0.0 if ratings is None else float(ratings.mean())))
        self.bias = nn.Parameter(torch.zeros(nodes.n_rows)) if bias == "full" else None

    def forward(self, rows: Tensor, examples: Examples, row_ids: Tensor) -> Tensor:
        """See the base class."""
        heads, tails, ratings = (examples[column] for column in self.needs)
        predicted = (rows.index_select(0, heads) * rows.index_select(0, tails)).sum(dim=1) + self.mean
        if self.bias is not None:
            predicted = predicted + self.bias[row_ids[heads]] + self.bias[row_ids[tails]]
        return reduced((predicted - ratings.to(predicted.dtype)).square(), self.reduction)
