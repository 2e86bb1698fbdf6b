"""Random weights: the litmus test that every rule has to pass."""

from collections.abc import Mapping, Sequence
from typing import Literal

import torch
from torch import Tensor

from pipeline.combiners._gramian import GramianRule
from pipeline.combiners._groups import Granularity, Groups, n_states
from pipeline.combiners.base import Combined, RowGradients, Step, weighted_sum

__all__ = ["RandomWeights"]


class RandomWeights(GramianRule):
    """w = softmax of standard normal draws, resampled in every step (Lin et al., RLW, TMLR 2022, algorithm 2).

    By TorchJD; at granularity ``entity`` (ours) sampled per row.

    Args:
        tasks: Task names, main task first.
        tables: Node type -> number of nodes.
        granularity: ``"global"`` as in the paper.
        redraw: When new weights are drawn: in every ``"step"``, as in the paper, or in every ``"epoch"``, as Yang et al.
            (PMTRec, IEEE BigData 2024) describe it.
    """

    torchjd_weighting = "RandomWeighting"
    draws = True
    ignores_absent_tasks = False

    drawn: Tensor
    epoch: Tensor

    def __init__(
        self,
        tasks: Sequence[str],
        tables: Mapping[str, int],
        *,
        granularity: Granularity = "global",
        redraw: Literal["step", "epoch"] = "step",
    ) -> None:
        super().__init__(tasks, tables, granularity=granularity)
        self.redraw = redraw
        self.register_buffer("epoch", torch.tensor(0))
        self.register_buffer("drawn", torch.zeros(len(tasks), n_states(granularity, tables) if redraw == "epoch" else 0))

    def forward(self, gradients: RowGradients, step: Step) -> Combined:
        """Weigh each group."""
        if self.redraw == "step":
            return super().forward(gradients, step)
        if step.epoch != self.epoch:
            self.epoch.fill_(step.epoch)
            self.drawn.copy_(torch.randn(self.drawn.shape, generator=step.generator))
        groups = Groups(gradients, self.granularity, len(self.tables))
        weights = torch.softmax(self.drawn[:, groups.states].masked_fill(~groups.present, -torch.inf), dim=0)
        return weighted_sum(gradients, groups.to_rows(weights))

    def solve_entities(self, groups: Groups, generator: torch.Generator) -> Tensor:
        """See the base class."""
        drawn = torch.randn(groups.present.shape[::-1], generator=generator).to(groups.present.device)
        return torch.softmax(drawn.masked_fill(~groups.present.T, -torch.inf), dim=1).T
