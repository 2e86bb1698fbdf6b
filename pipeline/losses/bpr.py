"""Bayesian personalised ranking."""

import torch
from torch import Tensor, nn
from torch.nn import functional

from pipeline.data.examples import Examples
from pipeline.data.relation import NodeTypes
from pipeline.data.task_data import TaskData
from pipeline.kernels import bpr as kernel
from pipeline.kernels import compiling
from pipeline.losses._reduction import Reduction, reduced
from pipeline.losses.base import Loss

__all__ = ["BPR"]


class BPR(Loss):
    """mean over the batch of -ln sigmoid(<h, t> - <h, n>) (Rendle et al., UAI 2009, BPR-Opt without the regulariser).

    Args:
        task, nodes, dim, is_main: See the base class.
        relation_vector: A side task scores <h * r, t> with its own learned vector r, as in DistMult (Yang et al., ICLR 2015),
            so that its tails need not lie where the main task's do. The main task keeps the inner product, by which items are
            recommended.
        reduction: ``"mean"`` over the batch, or ``"sum"``.
    """

    def __init__(
        self,
        task: TaskData,
        nodes: NodeTypes,
        dim: int,
        is_main: bool,
        *,
        relation_vector: bool = False,
        reduction: Reduction = "mean",
    ) -> None:
        super().__init__(task, nodes, dim, is_main)
        self.reduction = reduction
        self.relation = nn.Parameter(torch.ones(dim)) if relation_vector and not is_main else None

    def forward(self, rows: Tensor, examples: Examples, row_ids: Tensor) -> Tensor:
        """See the base class."""
        heads, tails, negatives = (rows.index_select(0, examples[column]) for column in self.needs)
        if self.relation is not None:
            heads = heads * self.relation
        margins = (heads * (tails - negatives)).sum(dim=1)
        return reduced(-functional.logsigmoid(margins), self.reduction)

    def closed_form(self, rows: Tensor, examples: Examples, gradient: Tensor) -> float | None:
        """Compiled loss and gradient; ``None`` with a relation vector or where compiled loops cannot run."""
        if self.relation is not None or not (compiling.is_compiled_for(rows) and compiling.is_compiled_for(gradient)):
            return None
        heads, tails, negatives = (examples[column].numpy() for column in self.needs)
        share = 1 / heads.size if self.reduction == "mean" else 1.0
        return float(kernel.bpr(rows.numpy(), heads, tails, negatives, share, gradient.numpy()))
