"""Optimisers that update only the touched rows of a table, so that the cost of a step depends on the batch alone.

SGD, Adagrad and Adam are torch's SGD, Adagrad and SparseAdam (to 1e-12 in the tests) without sparse tensors, which are
slower on a CPU. Over time, Adagrad and Adam undo any rescaling of a row's gradients, so under them a combination rule acts
only through the mix of directions; under SGD also through the length.

Weight decay is decoupled (Loshchilov and Hutter, ICLR 2019) and shrinks the touched rows: as part of the gradient it would
swamp the small side-task gradients as soon as Adam rescales the row, and would decide the comparison of rules. ``dense_adam``
alone is torch's Adam to the letter, as most papers use it: over all rows, with the decay inside the gradient.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar

import torch
from torch import Tensor

__all__ = ["RowOptimizer"]


class RowOptimizer(ABC):
    """Updates rows of one table.

    Args:
        table: ``[n_table_rows, dim]``, contiguous; updated in place.
        lr: Learning rate.
        weight_decay: A step multiplies the rows that it touches by 1 - lr * weight_decay (but for ``dense_adam``, see there).

    Attributes:
        kept: Names of what outlives a step: tensors that are updated in place, and numbers.
    """

    kept: ClassVar[tuple[str, ...]] = ()

    def __init__(self, table: Tensor, lr: float, weight_decay: float) -> None:
        self._table = table
        self._lr = lr
        self._shrink = 1 - lr * weight_decay

    @abstractmethod
    def step(self, rows: Tensor, gradients: Tensor) -> None:
        """Update the distinct ``rows`` ``[n_rows]`` with their ``gradients`` ``[n_rows, dim]``."""

    def state_dict(self) -> dict[str, Any]:
        """All that the next step depends on, beside the table."""
        return {name: getattr(self, name) for name in self.kept}

    @torch.no_grad()
    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take over what another one of the same table has given."""
        for name, value in state.items():
            if isinstance(value, Tensor):
                getattr(self, name).copy_(value)
            else:
                setattr(self, name, value)

    def _move(self, rows: Tensor, by: Tensor, length: float) -> None:
        """Row <- shrink * row - length * by."""
        self._table.index_copy_(0, rows, self._table[rows].mul_(self._shrink).sub_(by, alpha=length))
