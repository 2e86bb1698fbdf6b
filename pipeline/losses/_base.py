"""What a loss is: a module from the embeddings of triplets to one number."""

from abc import ABC, abstractmethod

from torch import Tensor, nn

__all__ = ["Loss"]


class Loss(nn.Module, ABC):
    """Mean loss of a batch of triplets (head, tail that belongs to it, tail that was drawn).

    Every task has a loss of its own; parameters of the loss are the task's own parameters, which no other task moves and no
    rule weighs.

    Args:
        dim: Length of an embedding.
        is_main: Whether it is the main task's.
    """

    def __init__(self, dim: int, is_main: bool) -> None:
        super().__init__()
        self.dim = dim
        self.is_main = is_main

    @abstractmethod
    def forward(self, heads: Tensor, tails: Tensor, negatives: Tensor) -> Tensor:
        """The mean over the batch.

        Args:
            heads: ``[batch, dim]``.
            tails: ``[batch, dim]``.
            negatives: ``[batch, dim]``.

        Returns:
            A scalar.
        """

    def closed_form(self, rows: Tensor, at: tuple[Tensor, Tensor, Tensor], gradient: Tensor) -> float | None:
        """The loss of a batch, its gradient added to ``gradient``; ``None`` where autograd on ``forward`` has to do it.

        Args:
            rows: ``[n_rows, dim]``.
            at: Positions of heads, tails and negatives in ``rows``, ``[batch]`` each.
            gradient: With respect to ``rows``, ``[n_rows, dim]``.
        """
        return None
