"""Alignment of what belongs together, uniformity of everything."""

import torch
from torch import Tensor
from torch.nn import functional

from pipeline.data.relation import NodeTypes, Relation
from pipeline.losses._base import Loss, Places

__all__ = ["DirectAU"]

_SHARPNESS = 2.0  # of the Gaussian potential, as in the paper


class DirectAU(Loss):
    """mean |h - t|^2 + gamma (u(heads) + u(tails)) / 2 of unit vectors (Wang et al., KDD 2022, equations 4 and 5).

    u(x) = ln mean over the pairs of a batch of exp(-2 |x_i - x_j|^2). Nothing that was drawn is used. A node that the batch
    has twice makes a pair at no distance, as in the authors' code. Its last bits depend on the number of threads.

    Args:
        task, nodes, dim, is_main: See the base class.
        gamma: Weight of the uniformity; >= 0.

    Raises:
        ValueError: If ``gamma`` is negative.
    """

    n_drawn = 0

    def __init__(self, task: Relation, nodes: NodeTypes, dim: int, is_main: bool, *, gamma: float = 1.0) -> None:
        super().__init__(task, nodes, dim, is_main)
        if not gamma >= 0:
            raise ValueError(f"gamma must be >= 0, found {gamma}")
        self.gamma = gamma

    def forward(self, rows: Tensor, at: Places, names: Tensor) -> Tensor:
        """See the base class."""
        rows = functional.normalize(rows, dim=1)
        heads, tails = (rows.index_select(0, places) for places in at[:2])
        alignment = (heads - tails).square().sum(dim=1).mean()
        return alignment + self.gamma * (_uniformity(heads) + _uniformity(tails)) / 2

    def ranked(self, tails: Tensor) -> Tensor:
        """Unit vectors."""
        return functional.normalize(tails, dim=1)


def _uniformity(x: Tensor) -> Tensor:
    """Of unit vectors ``[n, dim]``; 0 where there are no two. |x - y|^2 = 2 - 2 <x, y>."""
    n = len(x)
    if n == 1:
        return x.new_zeros(())
    potential = torch.exp(-_SHARPNESS * (2 - 2 * x @ x.T))
    # Each pair stands twice beside the diagonal of ones.
    return torch.log((potential.sum() - potential.diagonal().sum()) / (n * (n - 1)))
