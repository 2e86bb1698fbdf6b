"""The baseline without side information."""

from torch import zeros_like

from pipeline.combiners.base import Combined, Combiner, RowGradients, Step

__all__ = ["SingleTask"]


class SingleTask(Combiner):
    """c[e] = g[e, main]: side tasks are not even sampled."""

    uses_side_tasks = False

    def forward(self, gradients: RowGradients, step: Step) -> Combined:
        """Combine the gradients; ``step`` is unused."""
        weights = zeros_like(gradients.values[..., 0])
        weights[0] = 1.0
        return Combined(gradients.values[0], weights)
