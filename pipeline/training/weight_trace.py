"""The tasks' weights for every single node, at a few epochs: what an explanation shows of how a user was trained."""

from collections.abc import Mapping

import torch
from torch import Tensor

from pipeline.combiners.base import Combined, RowGradients
from pipeline.data.relation import ITEM, USER, NodeTypes

__all__ = ["WeightTrace", "traced"]

_LARGEST = 6e4  # of float16


class WeightTrace:
    """Mean weight of every task at every row over the steps of an epoch; kept of epochs 1, 2, 4, 8, ...

    Args:
        n_tasks: Number of tasks.
        n_rows: Of the stacked table.
        device: Of the gradients.
    """

    def __init__(self, n_tasks: int, n_rows: int, device: torch.device) -> None:
        self._shape, self._device = (2, n_tasks, n_rows), device
        self._sums: Tensor | None = None
        self._epoch = 1

    @torch.no_grad()
    def observe(self, gradients: RowGradients, combined: Combined) -> None:
        """Record a step; nothing where the rule has no weights, there is one task, or the epoch is not kept."""
        if combined.weights is None or self._shape[1] == 1 or self._epoch & (self._epoch - 1):
            return
        if self._sums is None:
            self._sums = torch.zeros(self._shape, device=self._device)
        present = gradients.present.to(self._sums.dtype)
        weights = torch.where(gradients.present, combined.weights.to(self._sums.dtype), 0.0)
        self._sums.index_add_(2, gradients.rows, torch.stack([weights, present]))

    def begin(self, epoch: int) -> None:
        """The next steps are of this epoch (1, 2, ...)."""
        self._epoch = epoch

    def end_epoch(self) -> Tensor | None:
        """The means ``[n_tasks, n_rows]``, float16, NaN where a row was not in a task's batches; ``None``: not kept."""
        if self._sums is None:
            return None
        weights, n = self._sums
        self._sums = None
        means: Tensor = (weights / n).clamp(max=_LARGEST).half().cpu()  # 0 / 0 is NaN
        return means


def traced(kept: Mapping[int, Tensor], nodes: NodeTypes) -> dict[str, Tensor]:
    """What is stored: ``epochs`` ``[n]``, and for users and items ``[n, n_tasks, n_nodes]``; empty if nothing was kept."""
    if not kept:
        return {}
    whole = torch.stack(list(kept.values()))
    of_kinds = {kind: whole.narrow(2, nodes.offset(kind), nodes.sizes[kind]).contiguous() for kind in (USER, ITEM)}
    return {"epochs": torch.tensor(list(kept)), **of_kinds}
