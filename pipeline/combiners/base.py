"""Interface of a combination rule: it combines the task gradients of each touched row into one gradient per row."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from pipeline.kernels import compiling
from pipeline.kernels import rows as row_kernels

__all__ = ["Combined", "Combiner", "RowGradients", "Step", "weighted_sum"]


@dataclass(frozen=True, eq=False)
class RowGradients:
    """Gradients of all tasks with respect to the rows touched in this step, and no others.

    Attributes:
        rows: Distinct row numbers in the stacked embedding table, int64 ``[n_rows]``.
        tables: Index of each row's table (node type), int64 ``[n_rows]``.
        values: ``[n_tasks, n_rows, dim]``; task 0 is the main task. Zero where a task did not touch the row.
        present: ``[n_tasks, n_rows]``, true where the task touched the row (its gradient may still be zero).
    """

    rows: Tensor
    tables: Tensor
    values: Tensor
    present: Tensor


@dataclass(frozen=True, eq=False)
class Step:
    """Training state at the current step.

    Attributes:
        progress: Fraction of training completed, in [0, 1].
        epoch: 1-based epoch number.
        losses: Loss of every task on this batch ``[n_tasks]``.
        generator: CPU generator; the only source of randomness that a rule may use.
    """

    progress: float
    epoch: int
    losses: Tensor
    generator: torch.Generator


@dataclass(frozen=True, eq=False)
class Combined:
    """The combined gradient, with which the optimiser updates the rows.

    Attributes:
        values: ``[n_rows, dim]``.
        weights: ``[n_tasks, n_rows]``, the factor applied to each task's gradient (1 for equal weights); ``None`` if the
            rule does not scale whole gradients.
    """

    values: Tensor
    weights: Tensor | None


class Combiner(nn.Module, ABC):
    """Combines row gradients. State that outlives a call is in registered buffers, or given by ``memory``, so that it is saved.

    Args:
        tasks: Task names, main task first.
        tables: Node type -> number of nodes, in the order of the stacked table.

    Attributes:
        uses_side_tasks: Whether the training loop needs to sample side tasks at all.
        needs_losses: Whether it reads ``Step.losses``; if not, they change nothing.
        draws: Whether it draws random numbers or visits the tasks in a random order.
        scale_equivariant: Whether gradients times a number give the combined gradient times that number.
        keeps_length: Whether a task that is alone keeps the length of its gradient, not only the direction.
        ignores_absent_tasks: Whether a task that touched no row of a group is as if it were not there.
        weighs: Whether it gives every task a factor >= 0 per row: what an exact solver asks of a rule.
    """

    uses_side_tasks: ClassVar[bool] = True
    needs_losses: ClassVar[bool] = False
    draws: ClassVar[bool] = False
    scale_equivariant: ClassVar[bool] = True
    keeps_length: ClassVar[bool] = True
    ignores_absent_tasks: ClassVar[bool] = True
    weighs: ClassVar[bool] = True

    def __init__(self, tasks: Sequence[str], tables: Mapping[str, int]) -> None:
        super().__init__()
        self.tasks = tuple(tasks)
        self.tables = dict(tables)

    @abstractmethod
    def forward(self, gradients: RowGradients, step: Step) -> Combined:
        """One gradient per row.

        Args:
            gradients: The tasks' row gradients in this step.
            step: Training state at the current step.
        """

    def set_degrees(self, degrees: Tensor) -> None:  # a no-op for rules that look at gradients alone
        """Called once, before the first step: number of pairs of every row in every task, int64 ``[n_tasks, n_rows]``."""

    def is_settled(self) -> bool:
        """Whether its schedule, if it has one, has come to the main task; asked as an epoch ends.

        Until then patience does not count (see ``pipeline.training.early_stopping``).
        """
        return True

    def memory(self) -> dict[str, Any]:
        """What it knows of earlier steps beside its buffers and parameters, nested (see ``pipeline.states``)."""
        return {}

    def remember(self, memory: Mapping[str, Any]) -> None:  # a no-op for rules whose buffers are all
        """Take over what ``memory`` has given, in a rule that was made alike; its buffers come after."""

    def after_step(self, losses: Callable[[], Tensor]) -> None:  # a no-op for most rules
        """Called after the rows were updated; ``losses()`` re-evaluates the tasks' losses on the same batch, ``[n_tasks]``."""


def weighted_sum(gradients: RowGradients, weights: Tensor) -> Combined:
    """Sum over t of weights[t, e] * values[t, e] for every row e, with ``weights`` ``[n_tasks, n_rows]``."""
    values = gradients.values
    if compiling.is_compiled_for(values) and values.dtype == weights.dtype:
        total = values.new_empty(values.shape[1:])
        row_kernels.weighted_sum(values.numpy(), weights.contiguous().numpy(), total.numpy())
        return Combined(total, weights)
    total = values[0] * weights[0].unsqueeze(1)
    for value, weight in zip(values[1:], weights[1:], strict=True):
        total.addcmul_(value, weight.unsqueeze(1))
    return Combined(total, weights)
