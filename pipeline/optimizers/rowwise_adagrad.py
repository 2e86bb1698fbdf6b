"""Adagrad with one number of state per row."""

import torch
from torch import Tensor

from pipeline.optimizers.base import RowOptimizer

__all__ = ["RowwiseAdagrad"]

_EPS = 1e-10


class RowwiseAdagrad(RowOptimizer):
    """Row-wise Adagrad, with one accumulator per row: v <- v + mean over dim of g^2 (as in TorchRec; Gupta et al. 2014)."""

    kept = ("_square",)

    def __init__(self, table: Tensor, lr: float, weight_decay: float) -> None:
        super().__init__(table, lr, weight_decay)
        self._square = table.new_zeros(table.shape[0])

    @torch.no_grad()
    def step(self, rows: Tensor, gradients: Tensor) -> None:
        """Update the rows as the class describes."""
        square = self._square[rows].add_(gradients.square().mean(dim=1))
        self._square.index_copy_(0, rows, square)
        self._move(rows, gradients / square.sqrt_().add_(_EPS).unsqueeze(1), self._lr)
