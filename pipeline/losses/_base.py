"""What a loss is: a module from the embeddings of triplets to one number."""

from abc import ABC, abstractmethod

from torch import Tensor, nn

__all__ = ["Loss"]


class Loss(nn.Module, ABC):
    """Mean loss of a batch of triplets (head, tail that belongs to it, tail that was drawn)."""

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
