"""Cosine gating: a side task's gradient is used only where it agrees with the main task's."""

from collections.abc import Mapping, Sequence

import torch

from pipeline.combiners._groups import Granularity, Groups
from pipeline.combiners.base import Combined, Combiner, RowGradients, Step, weighted_sum

__all__ = ["CosineGating"]


class CosineGating(Combiner):
    """w_t = max(0, cos(g_t, g_main)) for a side task (soft), or 1 where the cosine is not negative, else 0 (hard).

    Du et al., "Adapting Auxiliary Losses Using Gradient Similarity", arXiv 1812.02224, algorithms 1 and 2. Ours: in a group
    that the main task did not touch, side gradients pass unchanged, as there is nothing to harm.

    Args:
        tasks: Task names, main task first.
        tables: Node type -> number of nodes.
        granularity: ``"global"`` as in the paper.
        hard: Use the hard variant instead of the soft one.
    """

    def __init__(
        self,
        tasks: Sequence[str],
        tables: Mapping[str, int],
        *,
        granularity: Granularity = "global",
        hard: bool = False,
    ) -> None:
        super().__init__(tasks, tables)
        self.granularity, self.hard = granularity, hard

    def forward(self, gradients: RowGradients, step: Step) -> Combined:
        """Combine the gradients; ``step`` is unused."""
        groups = Groups(gradients, self.granularity, len(self.tables))
        products = groups.inner_products()
        squares = products.diagonal(dim1=1, dim2=2)
        lengths = (squares * squares[:, :1]).sqrt()
        cosines = torch.where(lengths > 0, products[:, 0] / lengths, 0.0).T
        weights = (cosines >= 0).to(cosines.dtype) if self.hard else cosines.clamp(min=0)
        weights[0] = 1.0
        return weighted_sum(gradients, groups.to_rows(torch.where(groups.present[0], weights, 1.0)))
