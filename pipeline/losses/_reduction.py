"""How the losses of the examples of a batch become one number."""

from typing import Literal

from torch import Tensor

__all__ = ["Reduction", "reduced"]

Reduction = Literal["mean", "sum"]
"""As torch names it. It counts where lengths of gradients are compared, with each other (``pmtrec``) or with weight decay."""


def reduced(losses: Tensor, reduction: Reduction) -> Tensor:
    """Mean or sum over the examples ``[n]``."""
    return losses.mean() if reduction == "mean" else losses.sum()
