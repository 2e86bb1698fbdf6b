"""IMTL-G: the combined gradient has the same projection on every task's gradient."""

import torch
from torch import Tensor

from pipeline.combiners._gramian import GramianRule
from pipeline.combiners._groups import Groups

__all__ = ["IMTLG"]

_EPS = 1e-12  # as in TorchJD


class IMTLG(GramianRule):
    """w = v / sum v with v = G^+ d, where G holds the inner products and d the norms (Liu et al., ICLR 2021, equation 4).

    The pseudo-inverse form, which also covers linearly dependent gradients, is TorchJD's. At granularity ``entity`` (ours)
    the same formula is evaluated for all rows at once.

    Args:
        tasks: Task names, main task first.
        tables: Node type -> number of nodes.
        granularity: ``"global"`` as in the paper.
    """

    weighs = False  # a weight may be negative
    torchjd_weighting = "IMTLGWeighting"

    def solve_entities(self, groups: Groups, generator: torch.Generator) -> Tensor:
        """See the base class."""
        return _impartial(groups.inner_products())


def _impartial(products: Tensor) -> Tensor:
    """Weights ``[n_tasks, n_groups]``; zero where they are undefined."""
    norms = products.diagonal(dim1=1, dim2=2).sqrt()
    v = (torch.linalg.pinv(products, hermitian=True) @ norms.unsqueeze(2)).squeeze(2)
    total = v.sum(dim=1, keepdim=True)
    return torch.where(total.abs() < _EPS, 0.0, v / total).T
