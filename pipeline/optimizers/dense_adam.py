"""torch's Adam, over the whole table in every step."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from pipeline.optimizers.base import RowOptimizer
from pipeline.states import adam_state, load_adam_state

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

    def state_dict(self) -> dict[str, Any]:
        """See the base class."""
        return {"adam": adam_state(self._adam)}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """See the base class."""
        load_adam_state(self._adam, state["adam"])
