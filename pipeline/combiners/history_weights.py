"""Side tasks count most for the users and items of whom the main task knows least."""

from collections.abc import Mapping, Sequence
from typing import Literal

import torch
from torch import Tensor

from pipeline.combiners.base import Combined, Combiner, RowGradients, Step, weighted_sum
from pipeline.seeding import torch_generator

__all__ = ["HistoryWeights"]

_SMALLEST, _LARGEST = 1e-6, 1e9
_FADED = 0.9  # progress from which side tasks hardly count


class HistoryWeights(Combiner):
    """w[e,0] = 1 and w[e,t] = side * share[e] * (1 - progress), share[e] in proportion to k / (k + n[e]) (ours).

    n[e] is the number of training interactions of e. Over the nodes of a type the mean of ``share`` is 1; over the rows that
    batches touch, in which long histories are more frequent, it is not. What the paper asks of personal weights (Yang et al.,
    IEEE BigData 2024, section 1: a user with a long history leans on the main task, one without on friends) is set directly
    here, not left to norms.

    Args:
        tasks: Task names, main task first.
        tables: Node type -> number of nodes.
        side: Mean weight of a side task at the start; >= 0.
        k: Interactions that halve the share; in 1e-6..1e9.
        order: Who gets the shares: ``"history"`` as above; the others are controls with the same shares: ``"reversed"``: those
            with the longest histories get the largest, ``"exchanged"``: at random within a node type, alike for all seeds,
            ``"equal"``: all alike.
        fade: Whether side tasks fade linearly over the training; if not, progress counts as 0.

    Raises:
        ValueError: If ``side`` or ``k`` is out of range.
    """

    share: Tensor
    last_progress: Tensor

    def __init__(
        self,
        tasks: Sequence[str],
        tables: Mapping[str, int],
        *,
        side: float = 0.3,
        k: float = 20.0,
        order: Literal["history", "reversed", "exchanged", "equal"] = "history",
        fade: bool = True,
    ) -> None:
        super().__init__(tasks, tables)
        if not side >= 0:
            raise ValueError(f"side must be >= 0, found {side}")
        if not _SMALLEST <= k <= _LARGEST:
            raise ValueError(f"k must be in {_SMALLEST:g}..{_LARGEST:g}, found {k}")
        self.side, self.k, self.order, self.fade = side, k, order, fade
        self.register_buffer("share", torch.ones(sum(tables.values())))
        self.register_buffer("last_progress", torch.tensor(0.0))

    def set_degrees(self, degrees: Tensor) -> None:
        """Shares, from the row of the main task."""
        if self.order == "equal":
            return
        first = 0
        for kind, size in self.tables.items():
            share = self.k / (self.k + degrees[0, first : first + size].float())
            if self.order == "reversed":
                ascending = torch.argsort(share, stable=True)
                share[ascending] = share[ascending.flip(0)]
            elif self.order == "exchanged":
                share = share[torch.randperm(size, generator=torch_generator(0, "exchanged", kind)).to(share.device)]
            self.share[first : first + size] = (share / share.mean()).to(self.share)
            first += size

    def forward(self, gradients: RowGradients, step: Step) -> Combined:
        """Combine the gradients as the class describes."""
        self.last_progress.fill_(step.progress)
        side = self.side * (1 - step.progress if self.fade else 1.0)
        weights = (side * self.share[gradients.rows]).to(gradients.values.dtype).repeat(len(self.tasks), 1)
        weights[0] = 1
        return weighted_sum(gradients, weights)

    def is_settled(self) -> bool:
        """Whether side tasks do not fade, or have faded to a tenth."""
        return not self.fade or float(self.last_progress) >= _FADED
