"""PCGrad: removes from each task's gradient the components that conflict with other tasks' gradients."""

import torch
from torch import Tensor

from pipeline.combiners._gramian import GramianRule
from pipeline.combiners._groups import Groups

__all__ = ["PCGrad"]


class PCGrad(GramianRule):
    """For each task i and each other task j in random order: if <g_i, g_j> < 0, g_i <- g_i - <g_i, g_j> / |g_j|^2 g_j.

    The rows are updated with the sum of the projected gradients; g_j is always the unprojected gradient (Yu et al.,
    "Gradient Surgery for Multi-Task Learning", NeurIPS 2020, algorithm 1). By TorchJD; at granularity ``entity`` ("personalised
    PCGrad", ours) by the same formula for all rows at once, with one random order per step.

    Args:
        tasks: Task names, main task first.
        tables: Node type -> number of nodes.
        granularity: ``"global"`` as in the paper.
    """

    torchjd_weighting = "PCGradWeighting"
    draws = True

    def solve_entities(self, groups: Groups, generator: torch.Generator) -> Tensor:
        """See the base class."""
        return _project(groups.inner_products(), generator)


def _project(products: Tensor, generator: torch.Generator) -> Tensor:
    """Weights ``[n_tasks, n_groups]`` of the projected sum from ``products`` ``[n_groups, n_tasks, n_tasks]``."""
    n_tasks = products.shape[1]
    mixed = torch.eye(n_tasks, dtype=products.dtype, device=products.device).repeat(len(products), 1, 1)
    for i in range(n_tasks):
        for j in torch.randperm(n_tasks, generator=generator).tolist():
            if j != i:
                inner = (mixed[:, i] * products[:, j]).sum(dim=1)
                mixed[:, i, j] -= torch.where(inner < 0, inner / products[:, j, j], 0.0)  # inner < 0 implies |g_j| > 0
    return mixed.sum(dim=1).T
