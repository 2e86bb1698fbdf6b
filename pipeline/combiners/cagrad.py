"""CAGrad: within a ball around the mean gradient, the direction with the largest worst-case improvement over tasks."""

from collections.abc import Mapping, Sequence
from typing import Literal

from pipeline.combiners._gramian import GramianRule

__all__ = ["CAGrad"]


class CAGrad(GramianRule):
    """argmax over d of min over t of <g_t, d> subject to |d - g_0| <= c |g_0|, with g_0 the mean gradient.

    Liu et al., NeurIPS 2021, algorithm 1. TorchJD solves it with CLARABEL. There is no closed form, hence no granularity
    ``entity``: one solve takes milliseconds, and a step touches thousands of entities.

    Args:
        tasks: Task names, main task first.
        tables: Node type -> number of nodes.
        granularity: ``"global"`` as in the paper.
        c: Radius of the ball, relative to |g_0|; >= 0.

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
        super().__init__(tasks, tables, granularity=granularity)
        from torchjd.aggregation import CAGradWeighting

        if not c >= 0:
            raise ValueError(f"c must be >= 0, found {c}")
        self.weighting = CAGradWeighting(c)
