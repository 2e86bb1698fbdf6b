"""Fixed, hand-set weights: a baseline that most rules fail to beat once it is tuned."""

from collections.abc import Mapping, Sequence

from torch import Tensor, tensor

from pipeline.combiners.base import Combined, Combiner, RowGradients, Step, weighted_sum

__all__ = ["StaticWeights"]


class StaticWeights(Combiner):
    """c[e] = sum over t of w[t] g[e, t] (for its strength, see Xin et al. and Kurin et al., both NeurIPS 2022).

    Args:
        tasks: Task names, main task first.
        tables: Node type -> number of nodes.
        main: Weight of the main task; >= 0.
        side: Weight of a side task; >= 0.
        by_task: Side task -> weight that overrides ``side``; may name tasks that the data set lacks.

    Raises:
        ValueError: If a weight is negative.
    """

    weights: Tensor

    def __init__(
        self,
        tasks: Sequence[str],
        tables: Mapping[str, int],
        *,
        main: float = 1.0,
        side: float = 0.3,
        by_task: Mapping[str, float] | None = None,
    ) -> None:
        super().__init__(tasks, tables)
        named = {"main": main, "side": side, **{f"by_task.{task}": weight for task, weight in (by_task or {}).items()}}
        for name, weight in named.items():
            if not weight >= 0:
                raise ValueError(f"{name} must be >= 0, found {weight}")
        self.register_buffer("weights", tensor([main, *((by_task or {}).get(task, side) for task in self.tasks[1:])]))

    def forward(self, gradients: RowGradients, step: Step) -> Combined:
        """Combine the gradients; ``step`` is unused."""
        weights = self.weights.to(gradients.values.dtype).unsqueeze(1)
        return weighted_sum(gradients, weights.expand(gradients.present.shape))
