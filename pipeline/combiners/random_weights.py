"""Random weights: the litmus test that every rule has to pass."""

from collections.abc import Mapping, Sequence

import torch

from pipeline.combiners._base import Combined, Combiner, RowGradients, Step, weighted_sum
from pipeline.combiners._groups import Granularity, Groups
from pipeline.combiners._torchjd import seeded, solve_each

__all__ = ["RandomWeights"]


class RandomWeights(Combiner):
    """w = softmax of standard normal numbers, drawn anew in every step (Lin et al., RLW, TMLR 2022, algorithm 2).

    By TorchJD; at granularity ``entity`` (ours) drawn for every row.

    Args:
        tasks: See the base class.
        tables: See the base class.
        granularity: ``"global"`` is the paper's.
    """

    def __init__(self, tasks: Sequence[str], tables: Mapping[str, int], *, granularity: Granularity = "global") -> None:
        super().__init__(tasks, tables)
        self.granularity = granularity
        if granularity != "entity":
            from torchjd.aggregation import RandomWeighting

            self.weighting = RandomWeighting()

    def forward(self, gradients: RowGradients, step: Step) -> Combined:
        """See the class."""
        groups = Groups(gradients, self.granularity, len(self.tables))
        if self.granularity == "entity":
            drawn = torch.randn(groups.present.shape[::-1], generator=step.generator).to(groups.present.device)
            weights = torch.softmax(drawn.masked_fill(~groups.present.T, -torch.inf), dim=1).T
        else:
            with seeded(step.generator):
                weights = solve_each(groups, lambda gramian, *_: self.weighting(gramian))
        return weighted_sum(gradients, groups.to_rows(weights))
