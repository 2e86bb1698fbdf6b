"""Random weights: the litmus test that every rule has to pass."""

import torch
from torch import Tensor

from pipeline.combiners._gramian import GramianRule
from pipeline.combiners._groups import Groups

__all__ = ["RandomWeights"]


class RandomWeights(GramianRule):
    """w = softmax of standard normal draws, resampled in every step (Lin et al., RLW, TMLR 2022, algorithm 2).

    By TorchJD; at granularity ``entity`` (ours) sampled per row.

    Args:
        tasks: Task names, main task first.
        tables: Node type -> number of nodes.
        granularity: ``"global"`` as in the paper.
    """

    torchjd_weighting = "RandomWeighting"
    draws = True
    ignores_absent_tasks = False

    def solve_entities(self, groups: Groups, generator: torch.Generator) -> Tensor:
        """See the base class."""
        drawn = torch.randn(groups.present.shape[::-1], generator=generator).to(groups.present.device)
        return torch.softmax(drawn.masked_fill(~groups.present.T, -torch.inf), dim=1).T
