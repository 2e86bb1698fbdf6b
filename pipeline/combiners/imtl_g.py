"""IMTL-G: the combined gradient has the same projection on every task's gradient."""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from pipeline.combiners._base import Combined, Combiner, RowGradients, Step, weighted_sum
from pipeline.combiners._groups import Granularity, Groups
from pipeline.combiners._torchjd import solve_each

__all__ = ["IMTLG"]

_NOTHING = 1e-12  # as in TorchJD


class IMTLG(Combiner):
    """w = v / sum v with v = G^+ d, where G holds the inner products and d the norms (Liu et al., ICLR 2021, equation 4).

    The form with the pseudo-inverse, which also holds for linearly dependent gradients, is that of TorchJD. At granularity
    ``entity`` (ours) the same formula for all rows at once.

    Args:
        tasks: See the base class.
        tables: See the base class.
        granularity: ``"global"`` is the paper's.
    """

    def __init__(self, tasks: Sequence[str], tables: Mapping[str, int], *, granularity: Granularity = "global") -> None:
        super().__init__(tasks, tables)
        self.granularity = granularity
        if granularity != "entity":
            from torchjd.aggregation import IMTLGWeighting

            self.weighting = IMTLGWeighting()

    def forward(self, gradients: RowGradients, step: Step) -> Combined:
        """See the class; ``step`` is not used."""
        groups = Groups(gradients, self.granularity, len(self.tables))
        if self.granularity == "entity":
            weights = _impartial(groups.inner_products())
        else:
            weights = solve_each(groups, lambda gramian, *_: self.weighting(gramian))
        return weighted_sum(gradients, groups.to_rows(weights))


def _impartial(products: Tensor) -> Tensor:
    """Weights ``[n_tasks, n_groups]``; zero where they do not exist."""
    norms = products.diagonal(dim1=1, dim2=2).sqrt()
    v = (torch.linalg.pinv(products, hermitian=True) @ norms.unsqueeze(2)).squeeze(2)
    total = v.sum(dim=1, keepdim=True)
    return torch.where(total.abs() < _NOTHING, 0.0, v / total).T
