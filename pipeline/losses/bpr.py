"""Bayesian personalised ranking."""

import torch
from torch import Tensor, nn
from torch.nn import functional

from pipeline import kernels
from pipeline.losses._base import Loss

__all__ = ["BPR"]


class BPR(Loss):
    """mean over the batch of -ln sigmoid(<h, t> - <h, n>) (Rendle et al., UAI 2009, BPR-Opt without the regulariser).

    Args:
        dim: Length of an embedding.
        is_main: Whether it is the main task's.
        relation_vector: A side task scores <h * r, t> with a vector r of its own, as DistMult does (Yang et al., ICLR 2015),
            so that its tails need not lie where the main task's do. The main task's score stays the inner product, which is
            what recommends.
    """

    def __init__(self, dim: int, is_main: bool, *, relation_vector: bool = False) -> None:
        super().__init__(dim, is_main)
        self.relation = nn.Parameter(torch.ones(dim)) if relation_vector and not is_main else None

    def forward(self, heads: Tensor, tails: Tensor, negatives: Tensor) -> Tensor:
        """See the class; all arguments are ``[batch, dim]``."""
        if self.relation is not None:
            heads = heads * self.relation
        margins = (heads * (tails - negatives)).sum(dim=1)
        return -functional.logsigmoid(margins).mean()

    def closed_form(self, rows: Tensor, at: tuple[Tensor, Tensor, Tensor], gradient: Tensor) -> float | None:
        """See the base class."""
        if self.relation is not None or not (kernels.is_compiled_for(rows) and kernels.is_compiled_for(gradient)):
            return None
        heads, tails, negatives = (positions.numpy() for positions in at)
        return kernels.bpr(rows.numpy(), heads, tails, negatives, gradient.numpy())
