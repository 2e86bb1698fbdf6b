"""torch's Adam, over the whole table in every step."""

import torch
from torch import Tensor

from pipeline.optimizers.base import RowOptimizer

__all__ = ["DenseAdam"]

_BETA1, _BETA2, _EPS = 0.9, 0.999, 1e-8


class DenseAdam(RowOptimizer):
    """torch's Adam, for small tables: momentum also moves a row in steps that do not touch it."""

    def __init__(self, table: Tensor, lr: float, weight_decay: float) -> None:
        super().__init__(table, lr, weight_decay)
        self._adam = torch.optim.Adam([table], lr=lr, betas=(_BETA1, _BETA2), eps=_EPS)

    @torch.no_grad()
    def step(self, rows: Tensor, gradients: Tensor) -> None:
        """Update the rows as the class describes."""
        self._table.index_copy_(0, rows, self._table[rows] * self._shrink)
        self._table.grad = torch.zeros_like(self._table).index_copy_(0, rows, gradients)
        self._adam.step()
        self._table.grad = None
