"""DB-MTL: logarithms of the losses, gradients of one length."""

from collections.abc import Mapping, Sequence

import torch

from pipeline.combiners._base import Combined, Combiner, RowGradients, Step, weighted_sum
from pipeline.combiners._groups import Granularity, Groups

__all__ = ["DBMTL"]


class DBMTL(Combiner):
    """c = a sum over t of g_t / |g_t|, with a the largest |g_t| / L_t: gradients of ln L_t, made as long as the longest.

    Lin et al., "Dual-Balancing for Multi-Task Learning", arXiv 2308.12029, equations 1 to 4. The paper smooths gradients over
    steps; here it does not, because a row's gradients of two steps come from other pairs, and the mean would be one more table
    per task. A task without a gradient has no part.

    Args:
        tasks: See the base class.
        tables: See the base class.
        granularity: ``"global"`` is the paper's.
    """

    def __init__(self, tasks: Sequence[str], tables: Mapping[str, int], *, granularity: Granularity = "global") -> None:
        super().__init__(tasks, tables)
        self.granularity = granularity

    def forward(self, gradients: RowGradients, step: Step) -> Combined:
        """See the class."""
        groups = Groups(gradients, self.granularity, len(self.tables))
        norms = groups.norms()
        longest = (norms / step.losses.to(norms.dtype).unsqueeze(1)).amax(dim=0)
        return weighted_sum(gradients, groups.to_rows(torch.where(norms > 0, longest / norms, 0.0)))
