"""What a loss is: a module from the embeddings of a batch's rows to one number."""

from abc import ABC, abstractmethod

from torch import Tensor, nn

from pipeline.data.relation import NodeTypes, Relation

__all__ = ["Loss", "Places"]

Places = tuple[Tensor, Tensor, Tensor]
"""Places among the rows of a step: of heads and of the tails that belong to them ``[batch]``, of drawn tails ``[n_drawn]``."""


class Loss(nn.Module, ABC):
    """Mean loss of a batch of triplets (head, tail that belongs to it, tail that was drawn).

    Every task has a loss of its own; parameters of the loss are the task's own parameters, which no other task moves and no
    rule weighs.

    Args:
        task: Its relation.
        nodes: Node types of the stacked table.
        dim: Length of an embedding.
        is_main: Whether it is the main task's.
    """

    n_drawn: int | None = None
    """How many drawn tails of a batch are used at the most; ``None``: one per pair."""

    def __init__(self, task: Relation, nodes: NodeTypes, dim: int, is_main: bool) -> None:
        super().__init__()
        self.task = task
        self.nodes = nodes
        self.dim = dim
        self.is_main = is_main

    def know_proposal(self, proposal: Tensor | None) -> None:
        """Told before training what share of the drawn tails each is expected to be ``[n_tails]``; ``None``: all alike.

        Ignored here.
        """

    @abstractmethod
    def forward(self, rows: Tensor, at: Places, names: Tensor) -> Tensor:
        """The mean over the batch.

        Args:
            rows: Embeddings of the distinct rows of the step ``[n_rows, dim]``.
            at: Places in ``rows``; equal places are one node.
            names: Row numbers of ``rows`` in the stacked table ``[n_rows]``.

        Returns:
            A scalar.
        """

    def closed_form(self, rows: Tensor, at: Places, gradient: Tensor) -> Tensor | float | None:
        """The loss of a batch, its gradient added to ``gradient``; ``None`` where autograd on ``forward`` has to do it.

        On a GPU the loss stays there, so that nothing waits for it. Where a gradient is not finite, the loss is not either.

        Args:
            rows: ``[n_rows, dim]``.
            at: See ``forward``.
            gradient: With respect to ``rows``, ``[n_rows, dim]``.
        """
        return None

    def ranked(self, tails: Tensor) -> Tensor:
        """Tails ``[n_tails, dim]`` so that inner products with a head order them as the loss scores them."""
        return tails
