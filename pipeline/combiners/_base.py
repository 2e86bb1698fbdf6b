"""What a combination rule is: from every task's gradient on every touched row to one gradient per row."""

from abc import ABC, abstractmethod
from dataclasses import dataclass

from torch import Tensor, nn

__all__ = ["Combined", "Combiner", "RowGradients", "weighted_sum"]


@dataclass(frozen=True, eq=False)
class RowGradients:
    """Gradients of all tasks with respect to the rows that this step touched, and to no others.

    Attributes:
        rows: Distinct row numbers of the stacked table, int64 ``[n_rows]``.
        values: ``[n_tasks, n_rows, dim]``; task 0 is the main task. Zero where a task did not touch the row.
        present: ``[n_tasks, n_rows]``, true where the task touched the row (its gradient may still be zero).
    """

    rows: Tensor
    values: Tensor
    present: Tensor


@dataclass(frozen=True, eq=False)
class Combined:
    """The gradient that moves the rows.

    Attributes:
        values: ``[n_rows, dim]``.
        weights: ``[n_tasks, n_rows]``, by how much each task's gradient was multiplied; equal weights are 1.
    """

    values: Tensor
    weights: Tensor


class Combiner(nn.Module, ABC):
    """Combines row gradients. State that outlives a call is a registered buffer.

    Attributes:
        uses_side_tasks: Whether the training loop needs to sample side tasks at all.
    """

    uses_side_tasks = True

    @abstractmethod
    def forward(self, gradients: RowGradients, progress: float) -> Combined:
        """One gradient per row.

        Args:
            gradients: What the engine measured in this step.
            progress: Share of the training that is done, in [0, 1].
        """


def weighted_sum(gradients: RowGradients, weights: Tensor) -> Combined:
    """Sum over t of weights[t, e] * values[t, e] for every row e, with ``weights`` ``[n_tasks, n_rows]``."""
    return Combined((weights.unsqueeze(-1) * gradients.values).sum(dim=0), weights)
