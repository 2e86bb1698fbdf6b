"""FAMO: equalises the rates at which the losses fall, using only the loss values."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from pipeline.combiners._torchjd import derivatives
from pipeline.combiners.base import Combined, Combiner, RowGradients, Step, weighted_sum
from pipeline.states import adam_state, load_adam_state

__all__ = ["FAMO"]


class FAMO(Combiner):
    """w_t = c z_t / L_t with z = softmax(x), and x updated by each log loss's decrease in the step (Liu et al., NeurIPS 2023).

    Implemented by TorchJD. The losses of a batch are evaluated again after the step. Losses are
    per task, not per entity, so there is no granularity option.

    Args:
        tasks: Task names, main task first.
        tables: Node type -> number of nodes.
        lr: Learning rate of the Adam that updates x; > 0.

    Raises:
        ValueError: If ``lr`` is not positive.
    """

    needs_losses = True
    ignores_absent_tasks = False

    def __init__(self, tasks: Sequence[str], tables: Mapping[str, int], *, lr: float = 0.025) -> None:
        super().__init__(tasks, tables)
        from torchjd import scalarization

        if not lr > 0:
            raise ValueError(f"lr must be > 0, found {lr}")
        self.scalarizer = scalarization.FAMO(len(tasks), lr=lr)

    def forward(self, gradients: RowGradients, step: Step) -> Combined:
        """Combine the gradients as the class describes."""
        weights = derivatives(self.scalarizer, step.losses).to(gradients.values.dtype)
        return weighted_sum(gradients, weights.unsqueeze(1) * gradients.present)

    def after_step(self, losses: Callable[[], Tensor]) -> None:
        """Update x from the losses after the step."""
        self.scalarizer.update(losses())

    def memory(self) -> dict[str, Any]:
        """State of the Adam that TorchJD makes at the first update."""
        adam = self.scalarizer._optimizer
        return {} if adam is None else {"adam": adam_state(adam)}

    def remember(self, memory: Mapping[str, Any]) -> None:
        """See the base class."""
        if memory:
            scalarizer = self.scalarizer
            scalarizer._optimizer = torch.optim.Adam([scalarizer._w], scalarizer.lr, weight_decay=scalarizer.weight_decay)
            load_adam_state(scalarizer._optimizer, memory["adam"])
