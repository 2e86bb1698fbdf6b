"""Aligned-MTL: makes the tasks' gradients orthogonal and equally long with the smallest possible change."""

import torch
from torch import Tensor

from pipeline.combiners._gramian import GramianRule
from pipeline.combiners._groups import Groups

__all__ = ["AlignedMTL"]


class AlignedMTL(GramianRule):
    """w = sqrt(l_min) V L^(-1/2) V^T 1/n with G = V L V^T the Gramian of n tasks (Senushkin et al., CVPR 2023).

    l_min is the smallest non-zero eigenvalue. Implemented by TorchJD; at granularity ``entity`` (ours) the same formula is
    evaluated for all rows at once.

    Args:
        tasks: Task names, main task first.
        tables: Node type -> number of nodes.
        granularity: ``"global"`` as in the paper.
    """

    weighs = False  # a weight may be negative
    torchjd_weighting = "AlignedMTLWeighting"

    def solve_entities(self, groups: Groups, generator: torch.Generator) -> Tensor:
        """See the base class."""
        return _align(groups.inner_products(), groups.present)


def _align(products: Tensor, present: Tensor) -> Tensor:
    """Weights ``[n_tasks, n_groups]``; uniform where all gradients are zero."""
    uniform = (present / present.sum(dim=0)).T.to(products.dtype).unsqueeze(2)
    values, vectors = torch.linalg.eigh(products)
    tolerance = values.amax(dim=1, keepdim=True) * products.shape[1] * torch.finfo(products.dtype).eps
    counts = values > tolerance
    smallest = values.where(counts, torch.inf).amin(dim=1, keepdim=True)
    scales = torch.where(counts, (smallest / values).sqrt(), 0.0)
    aligned = vectors @ (scales.unsqueeze(2) * (vectors.transpose(1, 2) @ uniform))
    return torch.where(counts.any(dim=1)[:, None, None], aligned, uniform).squeeze(2).T
