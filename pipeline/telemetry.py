"""What a rule does, seen from outside: mean task weights and cosines with the main task, by slice of the entities."""

from collections.abc import Sequence

import torch
from torch import Tensor

from pipeline.combiners._base import Combined, RowGradients
from pipeline.data.relation import USER, NodeTypes
from pipeline.thirds import THIRDS, thirds

__all__ = ["Telemetry"]

_EVERY = 8  # steps; a look costs two passes over all gradients


class Telemetry:
    """Means over the rows that every eighth step touched.

    Users are cut into thirds by their history (see ``thirds``); every other node type is a slice of its own. The metrics are::

        train/weight/<task>            what the task's gradient was multiplied by, over all rows that the task touched
        train/weight/<task>/<slice>    the same over the rows of one slice
        train/cosine/<task>/<slice>    cos(g_task, g_main) over the rows that both touched with a gradient that is not zero

    A metric without such rows is left out, as are the weights of a rule that has none.

    Args:
        tasks: Names; the main task's first.
        nodes: Of the stacked table.
        history: Training interactions of each user ``[n_users]``.
        device: Of the gradients.
    """

    def __init__(self, tasks: Sequence[str], nodes: NodeTypes, history: Tensor, device: torch.device) -> None:
        self._tasks = list(tasks)
        others = [kind for kind in nodes.sizes if kind != USER]
        self._slices = [*THIRDS, *others]
        parts = {USER: torch.from_numpy(thirds(history.numpy()))}
        parts |= {kind: torch.full((nodes.sizes[kind],), len(THIRDS) + place) for place, kind in enumerate(others)}
        self._slice_of = torch.cat([parts[kind] for kind in nodes.sizes]).to(device)
        exact = torch.float32 if device.type == "mps" else torch.float64  # beyond 2^24 rows a float32 counts no further
        self._sums = torch.zeros(4, len(self._tasks), len(self._slices), dtype=exact, device=device)

    @torch.no_grad()
    def observe(self, step: int, gradients: RowGradients, combined: Combined) -> None:
        """Take note of one step of the epoch (from 0)."""
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
        """The metrics of the epoch, and start anew."""
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
