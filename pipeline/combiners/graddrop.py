"""GradDrop: every coordinate keeps the gradients of one sign, sampled by how strongly the tasks agree."""

from collections.abc import Mapping, Sequence

import torch

from pipeline.combiners._torchjd import seeded
from pipeline.combiners.base import Combined, Combiner, RowGradients, Step

__all__ = ["GradDrop"]


class GradDrop(Combiner):
    """With P = (1 + sum_t g_t / sum_t |g_t|) / 2 and U uniform per coordinate: if P > U keep positive parts, else negative.

    Chen et al., "Just Pick a Sign", NeurIPS 2020, algorithm 1, by TorchJD. Each coordinate is treated separately, so all
    granularities coincide. There are no per-task weights.

    Args:
        tasks: Task names, main task first.
        tables: Node type -> number of nodes.
        leak: Fraction of each gradient that always passes; in [0, 1].

    Raises:
        ValueError: If ``leak`` is out of range.
    """

    draws = True
    ignores_absent_tasks = False
    weighs = False

    def __init__(self, tasks: Sequence[str], tables: Mapping[str, int], *, leak: float = 0.0) -> None:
        super().__init__(tasks, tables)
        from torchjd.aggregation import GradDrop as Rule

        if not 0 <= leak <= 1:
            raise ValueError(f"leak must be in [0, 1], found {leak}")
        self.rule = Rule(leak=torch.full((len(tasks),), leak))

    def forward(self, gradients: RowGradients, step: Step) -> Combined:
        """Combine the gradients as the class describes."""
        n_tasks, n_rows, dim = gradients.values.shape
        # A row touched by one task keeps its gradient: P is then 0 or 1 and U < 1; only U = 0 drops a coordinate with P = 0.
        with seeded(step.generator):
            jacobian = gradients.values.reshape(n_tasks, n_rows * dim)
            # On the CPU, because only its generator is seeded.
            return Combined(self.rule(jacobian.cpu()).view(n_rows, dim).to(jacobian.device), None)
