"""Dynamic weight average: tasks whose loss falls slowly get larger weights."""

from collections.abc import Mapping, Sequence
from typing import Any

from pipeline.combiners._torchjd import derivatives
from pipeline.combiners.base import Combined, Combiner, RowGradients, Step, weighted_sum

__all__ = ["DWA"]

_KEPT = ("_loss_sum", "_n_batches", "_previous_averages")  # of TorchJD's scalarizer


class DWA(Combiner):
    """w = n softmax over t of (L_t(e - 1) / L_t(e - 2)) / temperature, L(e) the mean loss of epoch e, n tasks.

    Liu et al., CVPR 2019, equation 7, by TorchJD. Equal weights in the first two epochs. Losses are per task, not
    per entity, so there is no granularity option. The mean losses are held by TorchJD.

    Args:
        tasks: Task names, main task first.
        tables: Node type -> number of nodes.
        temperature: > 0; large values approach equal weights.

    Raises:
        ValueError: If ``temperature`` is not positive.
    """

    needs_losses = True
    ignores_absent_tasks = False

    def __init__(self, tasks: Sequence[str], tables: Mapping[str, int], *, temperature: float = 2.0) -> None:
        super().__init__(tasks, tables)
        from torchjd import scalarization

        if not temperature > 0:
            raise ValueError(f"temperature must be > 0, found {temperature}")
        self.scalarizer = scalarization.DWA(temperature)
        self._epoch = 1

    def forward(self, gradients: RowGradients, step: Step) -> Combined:
        """Combine the gradients as the class describes."""
        if step.epoch != self._epoch:
            self.scalarizer.step()
            self._epoch = step.epoch
        weights = derivatives(self.scalarizer, step.losses).to(gradients.values.dtype)
        return weighted_sum(gradients, weights.unsqueeze(1) * gradients.present)

    def memory(self) -> dict[str, Any]:
        """The epoch, and TorchJD's sums and averages of losses."""
        return {"epoch": self._epoch, **{name: getattr(self.scalarizer, name) for name in _KEPT}}

    def remember(self, memory: Mapping[str, Any]) -> None:
        """See the base class."""
        self._epoch = memory["epoch"]
        for name in _KEPT:
            setattr(self.scalarizer, name, memory[name])
