"""Bayesian personalised ranking."""

import torch
from torch import Tensor, nn
from torch.nn import functional

from pipeline import kernels
from pipeline.data.relation import NodeTypes, Relation
from pipeline.losses._base import Loss, Places

__all__ = ["BPR"]


class BPR(Loss):
    """mean over the batch of -ln sigmoid(<h, t> - <h, n>) (Rendle et al., UAI 2009, BPR-Opt without the regulariser).

    Args:
        task, nodes, dim, is_main: See the base class.
        relation_vector: A side task scores <h * r, t> with a vector r of its own, as DistMult does (Yang et al., ICLR 2015),
            so that its tails need not lie where the main task's do. The main task's score stays the inner product, which is
            what recommends.
    """

    def __init__(self, task: Relation, nodes: NodeTypes, dim: int, is_main: bool, *, relation_vector: bool = False) -> None:
        super().__init__(task, nodes, dim, is_main)
        self.relation = nn.Parameter(torch.ones(dim)) if relation_vector and not is_main else None

    def forward(self, rows: Tensor, at: Places, names: Tensor) -> Tensor:
        """See the base class."""
        heads, tails, negatives = (rows.index_select(0, places) for places in at)
        if self.relation is not None:
            heads = heads * self.relation
        margins = (heads * (tails - negatives)).sum(dim=1)
        return -functional.logsigmoid(margins).mean()

    def closed_form(self, rows: Tensor, at: Places, gradient: Tensor) -> float | None:
        """See the base class."""
        if self.relation is not None or not (kernels.is_compiled_for(rows) and kernels.is_compiled_for(gradient)):
            return None
        heads, tails, negatives = (positions.numpy() for positions in at)
        return kernels.bpr(rows.numpy(), heads, tails, negatives, gradient.numpy())
