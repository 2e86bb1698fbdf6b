"""torch's Adam, over the whole table in every step."""

import torch
from torch import Tensor

from pipeline.optimizers.base import RowOptimizer

__all__ = ["DenseAdam"]

_BETA1, _BETA2, _EPS = 0.9, 0.999, 1e-8


class DenseAdam(RowOptimizer):
    """torch.optim.Adam, for small tables: momentum also moves a row in steps that do not touch it.

    Weight decay is torch's too (L2): weight_decay * row is added to the gradient of every row, touched or not.
    """

    def __init__(self, table: Tensor, lr: float, weight_decay: float) -> None:
        super().__init__(table, lr, weight_decay)
        self._adam = torch.optim.Adam([table], lr=lr, betas=(_BETA1, _BETA2), eps=_EPS, weight_decay=weight_decay)
        self._gradient = torch.zeros_like(table)

    @torch.no_grad()
    def step(self, rows: Tensor, gradients: Tensor) -> None:
        """Update the rows as the class describes."""
        self._table.grad = self._gradient.zero_().index_copy_(0, rows, gradients)
        self._adam.step()
        self._table.grad = None
