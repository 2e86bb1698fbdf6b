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
_SHORTEST = 1e-12  # vectors below are not normalised, as by torch


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

    def closed_form(self, rows: Tensor, examples: Examples, gradient: Tensor) -> Tensor | None:
        """Loss and gradient with one entry per pair of distinct nodes, not of examples; ``None`` on a GPU.

        There, the number of distinct nodes would be a synchronisation.
        """
        if rows.device.type != "cpu":
            return None
        lengths = torch.linalg.vector_norm(rows, dim=1, keepdim=True).clamp_(min=_SHORTEST)
        units = rows / lengths
        heads, tails = (examples[column] for column in self.needs)
        apart = units[heads] - units[tails]
        loss = apart.square().sum(dim=1).mean()
        of_units = torch.zeros_like(rows)
        of_units.index_add_(0, heads, apart, alpha=2 / len(heads)).index_add_(0, tails, apart, alpha=-2 / len(tails))
        for side in (heads, tails):
            loss = loss + self.gamma / 2 * _add_uniformity(units, side, self.gamma / 2, of_units)
        # A unit vector moves at right angles to itself alone.
        of_units -= (of_units * units).sum(dim=1, keepdim=True) * units
        gradient += of_units.div_(lengths)
        checked: Tensor = loss.where(gradient.sum().isfinite(), torch.nan)
        return checked

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


def _add_uniformity(units: Tensor, positions: Tensor, factor: float, gradient: Tensor) -> Tensor:
    """``_uniformity(units[positions])``, with its gradient times ``factor`` added to ``gradient``.

    With m_a, how often node a occurs among n examples, and P_ab = exp(-2 |x_a - x_b|^2)::

        u = ln ((sum over a, b of m_a m_b P_ab - n) / (n (n - 1)))
        du/dx_a = 8 m_a sum over b of m_b P_ab x_b / (sum over a, b of m_a m_b P_ab - n)    (but for a multiple of x_a)
    """
    n = len(positions)
    if n == 1:
        return units.new_zeros(())
    distinct, counts = torch.unique(positions, return_counts=True)
    x, m = units[distinct], counts.to(units.dtype).unsqueeze(1)
    potential = torch.mm(x, x.T).sub_(1).mul_(2 * _SHARPNESS).exp_()
    sums = potential @ torch.cat([m * x, m], dim=1)
    total = (m * sums[:, -1:]).sum() - n
    gradient.index_add_(0, distinct, m * sums[:, :-1] * (4 * _SHARPNESS * factor / total))
    return torch.log(total / (n * (n - 1)))
