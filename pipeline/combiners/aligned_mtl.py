"""Aligned-MTL: the tasks' gradients, made orthogonal and equally long with the least change."""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from pipeline.combiners._base import Combined, Combiner, RowGradients, Step, weighted_sum
from pipeline.combiners._groups import Granularity, Groups
from pipeline.combiners._torchjd import solve_each

__all__ = ["AlignedMTL"]


class AlignedMTL(Combiner):
    """w = sqrt(l_min) V L^(-1/2) V^T 1/n with G = V L V^T the inner products of n tasks (Senushkin et al., CVPR 2023).

    l_min is the smallest eigenvalue that is not zero. By TorchJD; at granularity ``entity`` (ours) the same formula for all
    rows at once.

    Args:
        tasks: See the base class.
        tables: See the base class.
        granularity: ``"global"`` is the paper's.
    """

    def __init__(self, tasks: Sequence[str], tables: Mapping[str, int], *, granularity: Granularity = "global") -> None:
        super().__init__(tasks, tables)
        self.granularity = granularity
        if granularity != "entity":
            from torchjd.aggregation import AlignedMTLWeighting

            self.weighting = AlignedMTLWeighting()

    def forward(self, gradients: RowGradients, step: Step) -> Combined:
        """See the class; ``step`` is not used."""
        groups = Groups(gradients, self.granularity, len(self.tables))
        if self.granularity == "entity":
            weights = _align(groups.inner_products(), groups.present)
        else:
            weights = solve_each(groups, lambda gramian, *_: self.weighting(gramian))
        return weighted_sum(gradients, groups.to_rows(weights))


def _align(products: Tensor, present: Tensor) -> Tensor:
    """Weights ``[n_tasks, n_groups]``; uniform ones where all gradients are zero."""
    uniform = (present / present.sum(dim=0)).T.to(products.dtype).unsqueeze(2)
    values, vectors = torch.linalg.eigh(products)
    tolerance = values.amax(dim=1, keepdim=True) * products.shape[1] * torch.finfo(products.dtype).eps
    counts = values > tolerance
    smallest = values.where(counts, torch.inf).amin(dim=1, keepdim=True)
    scales = torch.where(counts, (smallest / values).sqrt(), 0.0)
    aligned = vectors @ (scales.unsqueeze(2) * (vectors.transpose(1, 2) @ uniform))
    return torch.where(counts.any(dim=1)[:, None, None], aligned, uniform).squeeze(2).T
