"""PCGrad: each task's gradient loses what points against another task's."""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from pipeline.combiners._base import Combined, Combiner, RowGradients, Step, weighted_sum
from pipeline.combiners._groups import Granularity, Groups
from pipeline.combiners._torchjd import seeded, solve_each

__all__ = ["PCGrad"]


class PCGrad(Combiner):
    """For each task i and each other task j in random order: if <g_i, g_j> < 0, g_i <- g_i - <g_i, g_j> / |g_j|^2 g_j.

    The sum of the projected gradients moves the rows; the g_j that is projected on is always the original one (Yu et al.,
    "Gradient Surgery for Multi-Task Learning", NeurIPS 2020, algorithm 1). By TorchJD; at granularity ``entity`` ("personalised
    PCGrad", ours) by the same formula for all rows at once, with one random order per step.

    Args:
        tasks: See the base class.
        tables: See the base class.
        granularity: ``"global"`` is the paper's.
    """

    def __init__(self, tasks: Sequence[str], tables: Mapping[str, int], *, granularity: Granularity = "global") -> None:
        super().__init__(tasks, tables)
        self.granularity = granularity
        if granularity != "entity":
            from torchjd.aggregation import PCGradWeighting

            self.weighting = PCGradWeighting()

    def forward(self, gradients: RowGradients, step: Step) -> Combined:
        """See the class."""
        groups = Groups(gradients, self.granularity, len(self.tables))
        if self.granularity == "entity":
            weights = _project(groups.inner_products(), step.generator)
        else:
            with seeded(step.generator):
                weights = solve_each(groups, lambda gramian, *_: self.weighting(gramian))
        return weighted_sum(gradients, groups.to_rows(weights))


def _project(products: Tensor, generator: torch.Generator) -> Tensor:
    """Weights ``[n_tasks, n_groups]`` of the projected sum from ``products`` ``[n_groups, n_tasks, n_tasks]``."""
    n_tasks = products.shape[1]
    mixed = torch.eye(n_tasks, dtype=products.dtype, device=products.device).repeat(len(products), 1, 1)
    for i in range(n_tasks):
        for j in torch.randperm(n_tasks, generator=generator).tolist():
            if j != i:
                inner = (mixed[:, i] * products[:, j]).sum(dim=1)
                mixed[:, i, j] -= torch.where(inner < 0, inner / products[:, j, j], 0.0)  # inner < 0 says |g_j| > 0
    return mixed.sum(dim=1).T
