"""Uncertainty weighting: each task has a learned noise variance, and noisy tasks get smaller weights."""

from collections.abc import Mapping, Sequence
from typing import Any

import torch

from pipeline.combiners.base import Combined, Combiner, RowGradients, Step, weighted_sum
from pipeline.states import adam_state, load_adam_state

__all__ = ["Uncertainty"]


class Uncertainty(Combiner):
    """w_t = exp(-s_t) / 2, where s minimises sum_t exp(-s_t) L_t / 2 + s_t / 2 (Kendall et al., CVPR 2018). By TorchJD.

    Losses are per task, not per entity, so there is no granularity option.

    Args:
        tasks: Task names, main task first.
        tables: Node type -> number of nodes.
        lr: Learning rate of the Adam that updates s; > 0.

    Raises:
        ValueError: If ``lr`` is not positive.
    """

    needs_losses = True
    ignores_absent_tasks = False
    keeps_length = False

    def __init__(self, tasks: Sequence[str], tables: Mapping[str, int], *, lr: float = 0.005) -> None:
        super().__init__(tasks, tables)
        from torchjd.scalarization import UW

        if not lr > 0:
            raise ValueError(f"lr must be > 0, found {lr}")
        self.scalarizer = UW(len(tasks))
        self.lr = lr
        self._optimiser: torch.optim.Adam | None = None

    def forward(self, gradients: RowGradients, step: Step) -> Combined:
        """Combine the gradients as the class describes."""
        if self._optimiser is None:  # created lazily, once the module is on its device
            self._optimiser = torch.optim.Adam(self.scalarizer.parameters(), lr=self.lr)
        losses = step.losses.detach().clone().requires_grad_()
        with torch.enable_grad():
            weights, slope = torch.autograd.grad(self.scalarizer(losses), [losses, self.scalarizer.log_var])
        self.scalarizer.log_var.grad = slope
        self._optimiser.step()
        return weighted_sum(gradients, weights.to(gradients.values.dtype).unsqueeze(1) * gradients.present)

    def memory(self) -> dict[str, Any]:
        """State of the Adam."""
        return {} if self._optimiser is None else {"adam": adam_state(self._optimiser)}

    def remember(self, memory: Mapping[str, Any]) -> None:
        """See the base class."""
        if memory:
            self._optimiser = torch.optim.Adam(self.scalarizer.parameters(), lr=self.lr)
            load_adam_state(self._optimiser, memory["adam"])
