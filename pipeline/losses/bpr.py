"""Bayesian personalised ranking."""

from torch import Tensor
from torch.nn import functional

from pipeline.losses._base import Loss

__all__ = ["BPR"]


class BPR(Loss):
    """mean over the batch of -ln sigmoid(<h, t> - <h, n>) (Rendle et al., UAI 2009, BPR-Opt without the regulariser)."""

    def forward(self, heads: Tensor, tails: Tensor, negatives: Tensor) -> Tensor:
        """See the class; all arguments are ``[batch, dim]``."""
        margins = (heads * (tails - negatives)).sum(dim=1)
        return functional.softplus(-margins).mean()
