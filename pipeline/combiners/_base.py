"""What a combination rule is: from every task's gradient on every touched row to one gradient per row."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from pipeline import kernels

__all__ = ["Combined", "Combiner", "RowGradients", "Step", "weighted_sum"]


@dataclass(frozen=True, eq=False)
class RowGradients:
    """Gradients of all tasks with respect to the rows that this step touched, and to no others.

    Attributes:
        rows: Distinct row numbers of the stacked table, int64 ``[n_rows]``.
        tables: Number of the row's table (node type), int64 ``[n_rows]``.
        values: ``[n_tasks, n_rows, dim]``; task 0 is the main task. Zero where a task did not touch the row.
        present: ``[n_tasks, n_rows]``, true where the task touched the row (its gradient may still be zero).
    """

    rows: Tensor
    tables: Tensor
    values: Tensor
    present: Tensor


@dataclass(frozen=True, eq=False)
class Step:
    """Where the training stands.

    Attributes:
        progress: Share of the training that is done, in [0, 1].
        epoch: Counts from 1.
        losses: Loss of every task on this batch ``[n_tasks]``.
        generator: On the CPU; the only source of random numbers that a rule may use.
    """

    progress: float
    epoch: int
    losses: Tensor
    generator: torch.Generator


@dataclass(frozen=True, eq=False)
class Combined:
    """The gradient that moves the rows.

    Attributes:
        values: ``[n_rows, dim]``.
        weights: ``[n_tasks, n_rows]``, by how much each task's gradient was multiplied (equal weights are 1); ``None`` where
            a rule does not multiply whole gradients.
    """

    values: Tensor
    weights: Tensor | None


class Combiner(nn.Module, ABC):
    """Combines row gradients. State that outlives a call is a registered buffer, so that it is saved.

    Args:
        tasks: Names of the tasks; the main task's first.
        tables: Node type -> number of its nodes, in the order of the stacked table.

    Attributes:
        uses_side_tasks: Whether the training loop needs to sample side tasks at all.
    """

    uses_side_tasks = True

    def __init__(self, tasks: Sequence[str], tables: Mapping[str, int]) -> None:
        super().__init__()
        self.tasks = tuple(tasks)
        self.tables = dict(tables)

    @abstractmethod
    def forward(self, gradients: RowGradients, step: Step) -> Combined:
        """One gradient per row.

        Args:
            gradients: What the engine measured in this step.
            step: Where the training stands.
        """

    def after_step(self, losses: Callable[[], Tensor]) -> None:  # most rules have nothing to do here
        """Called when the rows have moved; ``losses()`` gives the tasks' losses on the same batch now, ``[n_tasks]``."""


def weighted_sum(gradients: RowGradients, weights: Tensor) -> Combined:
    """Sum over t of weights[t, e] * values[t, e] for every row e, with ``weights`` ``[n_tasks, n_rows]``."""
    values = gradients.values
    if kernels.is_compiled_for(values) and values.dtype == weights.dtype:
        total = values.new_empty(values.shape[1:])
        kernels.weighted_sum(values.numpy(), weights.contiguous().numpy(), total.numpy())
        return Combined(total, weights)
    total = values[0] * weights[0].unsqueeze(1)
    for value, weight in zip(values[1:], weights[1:], strict=True):
        total.addcmul_(value, weight.unsqueeze(1))
    return Combined(total, weights)
