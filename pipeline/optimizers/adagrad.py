"""Adagrad."""

import torch
from torch import Tensor

from pipeline.optimizers.base import RowOptimizer

__all__ = ["Adagrad"]

_EPS = 1e-10


class Adagrad(RowOptimizer):
    """v <- v + g^2, row <- row - lr * g / (sqrt(v) + eps) (Duchi et al., JMLR 2011)."""

    kept = ("_square",)

    def __init__(self, table: Tensor, lr: float, weight_decay: float) -> None:
        super().__init__(table, lr, weight_decay)
        self._square = torch.zeros_like(table)

    @torch.no_grad()
    def step(self, rows: Tensor, gradients: Tensor) -> None:
        """Update the rows as the class describes."""
        square = self._square[rows].addcmul_(gradients, gradients)
        self._square.index_copy_(0, rows, square)
        self._move(rows, gradients / square.sqrt_().add_(_EPS), self._lr)
