"""The baseline without side information."""

from torch import zeros_like

from pipeline.combiners._base import Combined, Combiner, RowGradients, weighted_sum

__all__ = ["SingleTask"]


class SingleTask(Combiner):
    """c[e] = g[e, main]: side tasks are not even sampled."""

    uses_side_tasks = False

    def forward(self, gradients: RowGradients, progress: float) -> Combined:
        """See the class; ``progress`` is not used."""
        weights = zeros_like(gradients.values[..., 0])
        weights[0] = 1.0
        return weighted_sum(gradients, weights)
