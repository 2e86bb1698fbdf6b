"""Smooth Tchebycheff scalarisation: the task with the largest loss dominates."""

from collections.abc import Mapping, Sequence

from pipeline.combiners._torchjd import derivatives
from pipeline.combiners.base import Combined, Combiner, RowGradients, Step, weighted_sum

__all__ = ["STCH"]


class STCH(Combiner):
    """w = d/dL of mu ln sum_t exp(L_t / (n mu)) over n tasks (Lin et al., ICML 2024, with uniform preference). By TorchJD.

    Losses are per task, not per entity, so there is no granularity option.

    Args:
        tasks: Task names, main task first.
        tables: Node type -> number of nodes.
        mu: Smoothing; > 0. Small: the largest loss gets nearly all the weight.

    Raises:
        ValueError: If ``mu`` is not positive.
    """

    needs_losses = True
    ignores_absent_tasks = False

    def __init__(self, tasks: Sequence[str], tables: Mapping[str, int], *, mu: float = 0.1) -> None:
        super().__init__(tasks, tables)
        from torchjd import scalarization

        if not mu > 0:
            raise ValueError(f"mu must be > 0, found {mu}")
        self.scalarizer = scalarization.STCH(mu)

    def forward(self, gradients: RowGradients, step: Step) -> Combined:
        """Combine the gradients as the class describes."""
        weights = derivatives(self.scalarizer, step.losses).to(gradients.values.dtype)
        return weighted_sum(gradients, weights.unsqueeze(1) * gradients.present)
