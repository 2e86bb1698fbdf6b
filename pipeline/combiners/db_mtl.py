"""DB-MTL: log-transformed losses, and gradients rescaled to equal norms."""

from collections.abc import Mapping, Sequence

import torch

from pipeline.combiners._groups import Granularity, Groups
from pipeline.combiners.base import Combined, Combiner, RowGradients, Step, weighted_sum

__all__ = ["DBMTL"]


class DBMTL(Combiner):
    """c = a sum over t of g_t / |g_t|, with a the largest |g_t| / L_t: gradients of ln L_t, rescaled to the largest norm.

    Lin et al., "Dual-Balancing for Multi-Task Learning", arXiv 2308.12029, equations 1 to 4. The paper smooths gradients over
    steps; this does not, because a row's gradients in two steps come from different pairs, and the average would need one more
    table per task. A task with a zero gradient is ignored.

    Args:
        tasks: Task names, main task first.
        tables: Node type -> number of nodes.
        granularity: ``"global"`` as in the paper.
    """

    needs_losses = True
    keeps_length = False

    def __init__(self, tasks: Sequence[str], tables: Mapping[str, int], *, granularity: Granularity = "global") -> None:
        super().__init__(tasks, tables)
        self.granularity = granularity

    def forward(self, gradients: RowGradients, step: Step) -> Combined:
        """Combine the gradients as the class describes."""
        groups = Groups(gradients, self.granularity, len(self.tables))
        norms = groups.norms()
        longest = (norms / step.losses.to(norms.dtype).unsqueeze(1)).amax(dim=0)
        return weighted_sum(gradients, groups.to_rows(torch.where(norms > 0, longest / norms, 0.0)))
