"""Interface of a loss: a module that maps the embeddings of a batch's rows to a scalar."""

from abc import ABC, abstractmethod
from typing import ClassVar

from torch import Tensor, nn

from pipeline.data.examples import HEADS, NEGATIVES, TAILS, Examples
from pipeline.data.relation import NodeTypes
from pipeline.data.task_data import TaskData

__all__ = ["Loss"]


class Loss(nn.Module, ABC):
    """Mean loss of a batch of examples.

    Each task has its own loss. The parameters of a loss are task-specific: no other task updates them, and no rule reweights
    their gradients.

    Args:
        task: Its data.
        nodes: Node types of the stacked table.
        dim: Embedding dimension.
        is_main: Whether the task is the main task.
    """

    needs: ClassVar[tuple[str, ...]] = (HEADS, TAILS, NEGATIVES)
    """Columns of the examples that it reads; what it does not need is not gathered, and counts as untouched."""

    def __init__(self, task: TaskData, nodes: NodeTypes, dim: int, is_main: bool) -> None:
        super().__init__()
        self.task = task
        self.nodes = nodes
        self.dim = dim
        self.is_main = is_main

    def at_most(self) -> dict[str, int]:
        """Column -> how many of its entries in a batch are read, where that is not all of them."""
        return {}

    def set_proposal(self, proposal: Tensor | None) -> None:
        """Receive, before training, the expected share of each tail among the negatives ``[n_tails]``; ``None``: uniform.

        The default implementation ignores it.
        """

    @abstractmethod
    def forward(self, rows: Tensor, examples: Examples, row_ids: Tensor) -> Tensor:
        """Mean loss over the batch.

        Args:
            rows: Embeddings of the distinct rows of the step ``[n_rows, dim]``.
            examples: Positions in ``rows``, and values; equal positions are one node.
            row_ids: Row numbers of ``rows`` in the stacked table ``[n_rows]``.

        Returns:
            A scalar.
        """

    def closed_form(self, rows: Tensor, examples: Examples, gradient: Tensor) -> Tensor | float | None:
        """Loss of a batch, with its gradient added to ``gradient``; ``None`` if autograd on ``forward`` must be used instead.

        On a GPU the loss stays on the device, to avoid a synchronisation. If a gradient is not finite, neither is the loss.

        Args:
            rows: ``[n_rows, dim]``.
            examples: See ``forward``.
            gradient: Gradient with respect to ``rows``, accumulated in place, ``[n_rows, dim]``.
        """
        return None

    def scoring_vectors(self, tails: Tensor) -> Tensor:
        """Tails ``[n_tails, dim]``, transformed so that inner products with a head rank them as the loss does."""
        return tails
