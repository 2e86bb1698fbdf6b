"""Lazy Adam: the moments of touched rows alone."""

import torch
from torch import Tensor

from pipeline.kernels import adam as kernel
from pipeline.kernels import compiling
from pipeline.optimizers.base import RowOptimizer

__all__ = ["Adam"]

_BETA1, _BETA2, _EPS = 0.9, 0.999, 1e-8


class Adam(RowOptimizer):
    """Lazy Adam (Kingma and Ba, ICLR 2015, algorithm 1, updating only the moments of touched rows).

    As in torch's SparseAdam, the bias correction counts all steps, not only those that touched the row.
    """

    kept = ("_moments", "_n_steps")

    def __init__(self, table: Tensor, lr: float, weight_decay: float) -> None:
        super().__init__(table, lr, weight_decay)
        self._moments = table.new_zeros(table.shape[0], 2, table.shape[1])  # stored side by side: one memory access
        self._n_steps = 0

    @torch.no_grad()
    def step(self, rows: Tensor, gradients: Tensor) -> None:
        """Update the rows as the class describes."""
        self._n_steps += 1
        correction = (1 - _BETA2**self._n_steps) ** 0.5 / (1 - _BETA1**self._n_steps)
        length = self._lr * correction
        if compiling.is_compiled_for(self._table) and compiling.is_compiled_for(gradients):
            constants = (_BETA1, _BETA2, _EPS, length, self._shrink)
            kernel.adam(self._table.numpy(), self._moments.numpy(), rows.numpy(), gradients.numpy(), constants)
            return
        moments = self._moments[rows]
        mean, square = moments.unbind(dim=1)
        mean.lerp_(gradients, 1 - _BETA1)
        square.mul_(_BETA2).addcmul_(gradients, gradients, value=1 - _BETA2)
        self._moments.index_copy_(0, rows, moments)
        self._move(rows, mean / (square.sqrt() + _EPS), length)
