"""GradDrop: every coordinate keeps the gradients of one sign, drawn by how much they agree."""

from collections.abc import Mapping, Sequence

import torch

from pipeline.combiners._base import Combined, Combiner, RowGradients, Step
from pipeline.combiners._torchjd import seeded

__all__ = ["GradDrop"]


class GradDrop(Combiner):
    """With P = (1 + sum_t g_t / sum_t |g_t|) / 2 and U uniform per coordinate: if P > U keep positive parts, else negative.

    Chen et al., "Just Pick a Sign", NeurIPS 2020, algorithm 1, by TorchJD. It looks at every coordinate alone, so all
    granularities are the same. There is no weight per task.

    Args:
        tasks: See the base class.
        tables: See the base class.
        leak: Share of a gradient that always passes; in [0, 1].

    Raises:
        ValueError: If ``leak`` is out of range.
    """

    def __init__(self, tasks: Sequence[str], tables: Mapping[str, int], *, leak: float = 0.0) -> None:
        super().__init__(tasks, tables)
        from torchjd.aggregation import GradDrop as Rule

        if not 0 <= leak <= 1:
            raise ValueError(f"leak must be in [0, 1], found {leak}")
        self.rule = Rule(leak=torch.full((len(tasks),), leak))

    def forward(self, gradients: RowGradients, step: Step) -> Combined:
        """See the class."""
        n_tasks, n_rows, dim = gradients.values.shape
        # A row that one task touched alone keeps its gradient: P is then 0 or 1. U is below 1, and P = 0 drops U = 0.
        with seeded(step.generator):
            jacobian = gradients.values.reshape(n_tasks, n_rows * dim)
            # On the CPU, where the seeded generator is.
            return Combined(self.rule(jacobian.cpu()).view(n_rows, dim).to(jacobian.device), None)
