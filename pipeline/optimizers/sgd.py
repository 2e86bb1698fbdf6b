"""Stochastic gradient descent."""

import torch
from torch import Tensor

from pipeline.optimizers.base import RowOptimizer

__all__ = ["SGD"]


class SGD(RowOptimizer):
    """row <- row - lr * g."""

    @torch.no_grad()
    def step(self, rows: Tensor, gradients: Tensor) -> None:
        """Update the rows as the class describes."""
        self._move(rows, gradients, self._lr)
