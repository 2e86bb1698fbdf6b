"""Optimisers that move some rows of a table and touch nothing else, so that a step costs what the batch costs.

SGD, Adagrad and Adam are torch's SGD, Adagrad and SparseAdam (to 1e-12 in the tests) without sparse tensors, which cost more
time on a CPU. Adagrad and Adam undo any rescaling of a row's gradients over time, so under them a combination rule acts
through the mix of directions alone; under SGD also through the length.

Weight decay is decoupled (Loshchilov and Hutter, ICLR 2019) and shrinks the touched rows: inside the gradient it would drown
the small gradients of side tasks as soon as Adam rescales the row, and decide the comparison of rules.
"""

from abc import ABC, abstractmethod

import torch
from torch import Tensor

from pipeline import kernels

__all__ = ["OPTIMIZERS", "Adagrad", "Adam", "DenseAdam", "RowOptimizer", "RowwiseAdagrad", "SGD"]

_BETA1, _BETA2, _EPS = 0.9, 0.999, 1e-8
_ADAGRAD_EPS = 1e-10


class RowOptimizer(ABC):
    """Moves rows of one table.

    Args:
        table: ``[n_table_rows, dim]``, contiguous; changed in place.
        lr: Learning rate.
        weight_decay: A step shrinks the rows that it touches by the factor 1 - lr * weight_decay.
    """

    def __init__(self, table: Tensor, lr: float, weight_decay: float) -> None:
        self._table = table
        self._lr = lr
        self._shrink = 1 - lr * weight_decay

    @abstractmethod
    def step(self, rows: Tensor, gradients: Tensor) -> None:
        """Move the distinct ``rows`` ``[n_rows]`` against their ``gradients`` ``[n_rows, dim]``."""

    def _move(self, rows: Tensor, by: Tensor, length: float) -> None:
        """Row <- shrink * row - length * by."""
        self._table.index_copy_(0, rows, self._table[rows].mul_(self._shrink).sub_(by, alpha=length))


class SGD(RowOptimizer):
    """row <- row - lr * g."""

    @torch.no_grad()
    def step(self, rows: Tensor, gradients: Tensor) -> None:
        """See the base class."""
        self._move(rows, gradients, self._lr)


class Adagrad(RowOptimizer):
    """v <- v + g^2, row <- row - lr * g / (sqrt(v) + eps) (Duchi et al., JMLR 2011)."""

    def __init__(self, table: Tensor, lr: float, weight_decay: float) -> None:
        super().__init__(table, lr, weight_decay)
        self._square = torch.zeros_like(table)

    @torch.no_grad()
    def step(self, rows: Tensor, gradients: Tensor) -> None:
        """See the base class."""
        square = self._square[rows].addcmul_(gradients, gradients)
        self._square.index_copy_(0, rows, square)
        self._move(rows, gradients / square.sqrt_().add_(_ADAGRAD_EPS), self._lr)


class RowwiseAdagrad(RowOptimizer):
    """Adagrad with one number of state per row: v <- v + mean over dim of g^2 (as in TorchRec; Gupta et al. 2014)."""

    def __init__(self, table: Tensor, lr: float, weight_decay: float) -> None:
        super().__init__(table, lr, weight_decay)
        self._square = table.new_zeros(table.shape[0])

    @torch.no_grad()
    def step(self, rows: Tensor, gradients: Tensor) -> None:
        """See the base class."""
        square = self._square[rows].add_(gradients.square().mean(dim=1))
        self._square.index_copy_(0, rows, square)
        self._move(rows, gradients / square.sqrt_().add_(_ADAGRAD_EPS).unsqueeze(1), self._lr)


class Adam(RowOptimizer):
    """Lazy Adam (Kingma and Ba, ICLR 2015, algorithm 1, with the moments of touched rows alone brought up to date).

    The bias correction counts all steps, not those that touched the row, as torch's SparseAdam does.
    """

    def __init__(self, table: Tensor, lr: float, weight_decay: float) -> None:
        super().__init__(table, lr, weight_decay)
        self._moments = table.new_zeros(table.shape[0], 2, table.shape[1])  # both side by side: one trip to memory
        self._n_steps = 0

    @torch.no_grad()
    def step(self, rows: Tensor, gradients: Tensor) -> None:
        """See the base class."""
        self._n_steps += 1
        correction = (1 - _BETA2**self._n_steps) ** 0.5 / (1 - _BETA1**self._n_steps)
        length = self._lr * correction
        if kernels.is_compiled_for(self._table) and kernels.is_compiled_for(gradients):
            constants = (_BETA1, _BETA2, _EPS, length, self._shrink)
            kernels.adam(self._table.numpy(), self._moments.numpy(), rows.numpy(), gradients.numpy(), constants)
            return
        moments = self._moments[rows]
        mean, square = moments.unbind(dim=1)
        mean.lerp_(gradients, 1 - _BETA1)
        square.mul_(_BETA2).addcmul_(gradients, gradients, value=1 - _BETA2)
        self._moments.index_copy_(0, rows, moments)
        self._move(rows, mean / (square.sqrt() + _EPS), length)


class DenseAdam(RowOptimizer):
    """torch's Adam, for small tables: the momentum of a row moves it also in steps that do not touch it."""

    def __init__(self, table: Tensor, lr: float, weight_decay: float) -> None:
        super().__init__(table, lr, weight_decay)
        self._adam = torch.optim.Adam([table], lr=lr, betas=(_BETA1, _BETA2), eps=_EPS)

    @torch.no_grad()
    def step(self, rows: Tensor, gradients: Tensor) -> None:
        """See the base class."""
        self._table.index_copy_(0, rows, self._table[rows] * self._shrink)
        self._table.grad = torch.zeros_like(self._table).index_copy_(0, rows, gradients)
        self._adam.step()
        self._table.grad = None


OPTIMIZERS: dict[str, type[RowOptimizer]] = {
    "adam": Adam,
    "dense_adam": DenseAdam,
    "adagrad": Adagrad,
    "rowwise_adagrad": RowwiseAdagrad,
    "sgd": SGD,
}
