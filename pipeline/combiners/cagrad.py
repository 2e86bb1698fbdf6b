"""CAGrad: near the mean gradient, the direction that serves the worst task best."""

from collections.abc import Mapping, Sequence
from typing import Literal

from pipeline.combiners._base import Combined, Combiner, RowGradients, Step, weighted_sum
from pipeline.combiners._groups import Groups
from pipeline.combiners._torchjd import solve_each

__all__ = ["CAGrad"]


class CAGrad(Combiner):
    """argmax over d of min over t of <g_t, d> subject to |d - g_0| <= c |g_0|, with g_0 the mean gradient.

    Liu et al., NeurIPS 2021, algorithm 1. By TorchJD, which solves it with CLARABEL. There is no closed form and hence no
    granularity ``entity``: a solve takes milliseconds, and a step touches thousands of entities.

    Args:
        tasks: See the base class.
        tables: See the base class.
        granularity: ``"global"`` is the paper's.
        c: Size of the ball; >= 0.

    Raises:
        ValueError: If ``c`` is negative.
    """

    def __init__(
        self,
        tasks: Sequence[str],
        tables: Mapping[str, int],
        *,
        granularity: Literal["global", "table"] = "global",
        c: float = 0.4,
    ) -> None:
        super().__init__(tasks, tables)
        from torchjd.aggregation import CAGradWeighting

        if not c >= 0:
            raise ValueError(f"c must be >= 0, found {c}")
        self.granularity = granularity
        self.weighting = CAGradWeighting(c)

    def forward(self, gradients: RowGradients, step: Step) -> Combined:
        """See the class; ``step`` is not used."""
        groups = Groups(gradients, self.granularity, len(self.tables))
        weights = solve_each(groups, lambda gramian, *_: self.weighting(gramian))
        return weighted_sum(gradients, groups.to_rows(weights))
