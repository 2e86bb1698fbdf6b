"""Smooth Tchebycheff: the worst task counts most."""

from collections.abc import Mapping, Sequence

from pipeline.combiners._base import Combined, Combiner, RowGradients, Step, weighted_sum
from pipeline.combiners._torchjd import derivatives

__all__ = ["STCH"]


class STCH(Combiner):
    """w = d/dL of mu ln sum_t exp(L_t / (n mu)) over n tasks (Lin et al., ICML 2024, with uniform preference). By TorchJD.

    Losses belong to tasks, not to entities, so there is no granularity.

    Args:
        tasks: See the base class.
        tables: See the base class.
        mu: Smoothing; > 0. Small: the largest loss takes all.

    Raises:
        ValueError: If ``mu`` is not positive.
    """

    def __init__(self, tasks: Sequence[str], tables: Mapping[str, int], *, mu: float = 0.1) -> None:
        super().__init__(tasks, tables)
        from torchjd import scalarization

        if not mu > 0:
            raise ValueError(f"mu must be > 0, found {mu}")
        self.scalarizer = scalarization.STCH(mu)

    def forward(self, gradients: RowGradients, step: Step) -> Combined:
        """See the class."""
        weights = derivatives(self.scalarizer, step.losses).to(gradients.values.dtype)
        return weighted_sum(gradients, weights.unsqueeze(1) * gradients.present)
