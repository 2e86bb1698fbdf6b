"""DirectAU: alignment of linked pairs and uniformity of the embeddings."""

import torch
from torch import Tensor
from torch.nn import functional

from pipeline.data.examples import HEADS, TAILS, Examples
from pipeline.data.relation import NodeTypes
from pipeline.data.task_data import TaskData
from pipeline.losses.base import Loss

__all__ = ["DirectAU"]

_SHARPNESS = 2.0  # of the Gaussian potential, as in the paper


class DirectAU(Loss):
    """mean |h - t|^2 + gamma (u(heads) + u(tails)) / 2 of unit vectors (Wang et al., KDD 2022, equations 4 and 5).

    u(x) = ln mean over the pairs of a batch of exp(-2 |x_i - x_j|^2). Sampled negatives are not used. A node that occurs
    twice in the batch forms a pair at distance 0, as in the authors' code. The last bits depend on the number of threads.

    Args:
        task, nodes, dim, is_main: See the base class.
        gamma: Weight of the uniformity term; >= 0.

    Raises:
        ValueError: If ``gamma`` is negative.
    """

    needs = (HEADS, TAILS)

    def __init__(self, task: TaskData, nodes: NodeTypes, dim: int, is_main: bool, *, gamma: float = 1.0) -> None:
        super().__init__(task, nodes, dim, is_main)
        if not gamma >= 0:
            raise ValueError(f"gamma must be >= 0, found {gamma}")
        self.gamma = gamma

    def forward(self, rows: Tensor, examples: Examples, row_ids: Tensor) -> Tensor:
        """See the base class."""
        rows = functional.normalize(rows, dim=1)
        heads, tails = (rows.index_select(0, examples[column]) for column in self.needs)
        alignment = (heads - tails).square().sum(dim=1).mean()
        return alignment + self.gamma * (_uniformity(heads) + _uniformity(tails)) / 2

    def scoring_vectors(self, tails: Tensor) -> Tensor:
        """Unit vectors."""
        return functional.normalize(tails, dim=1)


def _uniformity(x: Tensor) -> Tensor:
    """Uniformity of unit vectors ``[n, dim]``; 0 for a single one. |x - y|^2 = 2 - 2 <x, y>."""
    n = len(x)
    if n == 1:
        return x.new_zeros(())
    potential = torch.exp(-_SHARPNESS * (2 - 2 * x @ x.T))
    # Each pair occurs twice off the diagonal of ones.
    return torch.log((potential.sum() - potential.diagonal().sum()) / (n * (n - 1)))
