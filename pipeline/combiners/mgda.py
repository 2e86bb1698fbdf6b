"""MGDA: the shortest vector among all convex mixtures of the tasks' gradients."""

from collections.abc import Mapping, Sequence
from itertools import combinations

import torch
from torch import Tensor

from pipeline.combiners._base import Combined, Combiner, RowGradients, Step, weighted_sum
from pipeline.combiners._groups import Granularity, Groups
from pipeline.combiners._torchjd import solve_each

__all__ = ["MGDA"]


class MGDA(Combiner):
    """w = argmin |sum over t of w_t g_t|^2 over w >= 0, sum w = 1 (Desideri 2012; Sener and Koltun, NeurIPS 2018).

    By TorchJD (Frank-Wolfe). At granularity ``entity`` (ours) exactly, for all rows at once: the shortest vector of each
    face of the simplex has a closed form, and there are few tasks.

    Args:
        tasks: See the base class.
        tables: See the base class.
        granularity: ``"global"`` is the paper's.
    """

    def __init__(self, tasks: Sequence[str], tables: Mapping[str, int], *, granularity: Granularity = "global") -> None:
        super().__init__(tasks, tables)
        self.granularity = granularity
        if granularity != "entity":
            from torchjd.aggregation import MGDAWeighting

            self.weighting = MGDAWeighting()

    def forward(self, gradients: RowGradients, step: Step) -> Combined:
        """See the class; ``step`` is not used."""
        groups = Groups(gradients, self.granularity, len(self.tables))
        if self.granularity == "entity":
            weights = _shortest(groups.inner_products(), groups.present)
        else:
            weights = solve_each(groups, lambda gramian, *_: self.weighting(gramian))
        return weighted_sum(gradients, groups.to_rows(weights))


def _shortest(products: Tensor, present: Tensor) -> Tensor:
    """Weights ``[n_tasks, n_groups]``: over every set of tasks that are there, the mixture with G w = constant."""
    n_tasks, n_groups = present.shape
    best = products.new_full((n_groups,), torch.inf)
    weights = products.new_zeros(n_groups, n_tasks)
    for size in range(1, n_tasks + 1):
        for tasks in map(list, combinations(range(n_tasks), size)):
            part = products[:, tasks][:, :, tasks]
            # A face on which gradients are parallel has no unique shortest vector; the tiny ridge picks one of them.
            ridge = 1e-12 * torch.eye(size, dtype=part.dtype, device=part.device)
            mixture = torch.linalg.solve(part + ridge, part.new_ones(n_groups, size))
            mixture = mixture / mixture.sum(dim=1, keepdim=True)
            length = (mixture.unsqueeze(1) @ part @ mixture.unsqueeze(2)).flatten()
            better = present[tasks].all(dim=0) & (mixture >= 0).all(dim=1) & (length < best)
            best = torch.where(better, length, best)
            found = torch.zeros_like(weights).index_copy_(1, torch.tensor(tasks, device=part.device), mixture)
            weights = torch.where(better.unsqueeze(1), found, weights)
    return weights.T
