"""MGDA: the minimum-norm convex combination of the tasks' gradients."""

from itertools import combinations

import torch
from torch import Tensor

from pipeline.combiners._gramian import GramianRule
from pipeline.combiners._groups import Groups

__all__ = ["MGDA"]


class MGDA(GramianRule):
    """w = argmin |sum over t of w_t g_t|^2 over w >= 0, sum w = 1 (Desideri 2012; Sener and Koltun, NeurIPS 2018).

    By TorchJD (Frank-Wolfe). At granularity ``entity`` (ours) solved exactly for all rows at once: the minimum-norm point of
    each face of the simplex has a closed form, and there are few tasks.

    Args:
        tasks: Task names, main task first.
        tables: Node type -> number of nodes.
        granularity: ``"global"`` as in the paper.
    """

    torchjd_weighting = "MGDAWeighting"

    def solve_entities(self, groups: Groups, generator: torch.Generator) -> Tensor:
        """See the base class."""
        return _shortest(groups.inner_products(), groups.present)


def _shortest(products: Tensor, present: Tensor) -> Tensor:
    """Weights ``[n_tasks, n_groups]``: the shortest mixture with G w = constant over all subsets of present tasks."""
    n_tasks, n_groups = present.shape
    best = products.new_full((n_groups,), torch.inf)
    weights = products.new_zeros(n_groups, n_tasks)
    for size in range(1, n_tasks + 1):
        for tasks in map(list, combinations(range(n_tasks), size)):
            part = products[:, tasks][:, :, tasks]
            # A face with parallel gradients has no unique solution; the tiny ridge picks one.
            ridge = 1e-12 * torch.eye(size, dtype=part.dtype, device=part.device)
            mixture = torch.linalg.solve(part + ridge, part.new_ones(n_groups, size))
            mixture = mixture / mixture.sum(dim=1, keepdim=True)
            length = (mixture.unsqueeze(1) @ part @ mixture.unsqueeze(2)).flatten()
            better = present[tasks].all(dim=0) & (mixture >= 0).all(dim=1) & (length < best)
            best = torch.where(better, length, best)
            found = torch.zeros_like(weights).index_copy_(1, torch.tensor(tasks, device=part.device), mixture)
            weights = torch.where(better.unsqueeze(1), found, weights)
    return weights.T
