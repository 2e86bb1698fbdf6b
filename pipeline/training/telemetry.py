"""Telemetry of a combination rule: mean task weights and gradient cosines with the main task, by slice of the entities."""

from collections.abc import Sequence

import torch
from torch import Tensor

from pipeline.combiners.base import Combined, RowGradients
from pipeline.data.relation import USER, NodeTypes
from pipeline.evaluation.activity import ACTIVITY_GROUPS, activity_groups
from pipeline.training.weight_trace import WeightTrace

__all__ = ["Telemetry"]

_EVERY = 8  # steps; an observation costs two passes over all gradients


class Telemetry:
    """Means over the rows touched in every eighth step.

    Users are cut into thirds by their history (see ``activity_groups``); every other node type is a group of its own. The
    metrics are::

        train/weight/<task>            mean factor of the task's gradient over all rows that the task touched
        train/weight/<task>/<slice>    the same over the rows of one slice
        train/cosine/<task>/<slice>    mean cos(g_task, g_main) over the rows where both gradients are non-zero

    Metrics without such rows are omitted, as are the weights of a rule that has none.

    Args:
        tasks: Task names, main task first.
        nodes: Node types of the stacked table.
        history: Number of training interactions of each user ``[n_users]``.
        device: Device of the gradients.

    Attributes:
        weights: Of single rows, which it observes in every step.
    """

    def __init__(self, tasks: Sequence[str], nodes: NodeTypes, history: Tensor, device: torch.device) -> None:
        self.weights = WeightTrace(len(tasks), nodes.n_rows, device)
        self._tasks = list(tasks)
        others = [kind for kind in nodes.sizes if kind != USER]
        self._slices = [*ACTIVITY_GROUPS, *others]
        parts = {USER: torch.from_numpy(activity_groups(history.numpy()))}
        parts |= {kind: torch.full((nodes.sizes[kind],), len(ACTIVITY_GROUPS) + place) for place, kind in enumerate(others)}
        self._slice_of = torch.cat([parts[kind] for kind in nodes.sizes]).to(device)
        exact = torch.float32 if device.type == "mps" else torch.float64  # float32 cannot count beyond 2^24 rows
        self._sums = torch.zeros(4, len(self._tasks), len(self._slices), dtype=exact, device=device)

    def begin(self, epoch: int) -> None:
        """The next steps are of this epoch (1, 2, ...)."""
        self.weights.begin(epoch)

    @torch.no_grad()
    def observe(self, step: int, gradients: RowGradients, combined: Combined) -> None:
        """Record one step of the epoch; steps are 0-based."""
        self.weights.observe(gradients, combined)
        if step % _EVERY:
            return
        present = gradients.present
        weights = torch.full_like(present, torch.nan, dtype=torch.float32) if combined.weights is None else combined.weights
        norms = torch.linalg.vector_norm(gradients.values, dim=2)
        both = (norms > 0) & (norms[0] > 0)
        inner = torch.stack([(value * gradients.values[0]).sum(dim=1) for value in gradients.values])
        cosines = torch.where(both, inner / norms / norms[0], 0.0)
        seen = torch.stack([torch.where(present, weights, 0.0), present, cosines, both]).to(self._sums.dtype)
        self._sums.index_add_(2, self._slice_of[gradients.rows], seen)

    def end_epoch(self) -> dict[str, float]:
        """Return the metrics of the epoch and reset."""
        weight, n_present, cosine, n_both = self._sums.to("cpu", torch.float64, copy=True)
        self._sums.zero_()
        metrics: dict[str, float] = {}
        for t, task in enumerate(self._tasks):
            found = {f"train/weight/{task}": weight[t].sum() / n_present[t].sum()}
            for s, name in enumerate(self._slices):
                found[f"train/weight/{task}/{name}"] = weight[t, s] / n_present[t, s]
                if t > 0:
                    found[f"train/cosine/{task}/{name}"] = cosine[t, s] / n_both[t, s]
            metrics |= {name: float(value) for name, value in found.items() if value.isfinite()}
        return metrics
