"""MetaBalance: rescales side-task gradients towards the norm of the main task's gradient."""

from collections.abc import Mapping, Sequence
from typing import Literal

import torch
from torch import Tensor

from pipeline.combiners._groups import Granularity, Groups, n_states, running_mean
from pipeline.combiners.base import Combined, Combiner, RowGradients, Step, weighted_sum

__all__ = ["MetaBalance"]


class MetaBalance(Combiner):
    """g_t <- r (m_main / m_t) g_t + (1 - r) g_t for every side task, m the running means of the norms.

    He et al., WWW 2022, equations 3 to 5, with its three strategies. Written from the paper. Ours: the running means start at
    the first norm instead of at 0; in a group that the main task has not touched yet, side gradients are unchanged.

    Args:
        tasks: Task names, main task first.
        tables: Node type -> number of nodes.
        granularity: ``"table"`` as in the paper (each parameter tensor separately).
        strategy: Which side gradients are rescaled: ``"both"``: all; ``"reduce"``: those longer than the main one;
            ``"enlarge"``: the shorter ones (the paper's C, A and B).
        relax: r; in [0, 1].
        decay: Decay rate of the running means; in [0, 1).

    Raises:
        ValueError: If ``relax`` or ``decay`` is out of range.
    """

    norms: Tensor

    def __init__(
        self,
        tasks: Sequence[str],
        tables: Mapping[str, int],
        *,
        granularity: Granularity = "table",
        strategy: Literal["both", "reduce", "enlarge"] = "both",
        relax: float = 0.7,
        decay: float = 0.9,
    ) -> None:
        super().__init__(tasks, tables)
        if not 0 <= relax <= 1:
            raise ValueError(f"relax must be in [0, 1], found {relax}")
        if not 0 <= decay < 1:
            raise ValueError(f"decay must be in [0, 1), found {decay}")
        self.granularity, self.strategy, self.relax, self.decay = granularity, strategy, relax, decay
        self.register_buffer("norms", torch.zeros(len(tasks), n_states(granularity, tables)))

    def forward(self, gradients: RowGradients, step: Step) -> Combined:
        """Combine the gradients; ``step`` is unused."""
        groups = Groups(gradients, self.granularity, len(self.tables))
        means = running_mean(self.norms, groups.states, groups.norms().to(self.norms.dtype), groups.present, self.decay)
        main = means[:1]
        change = (means > 0) & (main > 0)
        if self.strategy != "both":
            change &= (means > main) if self.strategy == "reduce" else (means < main)
        ratio = torch.where(change, main / means, 1.0)
        return weighted_sum(gradients, groups.to_rows(self.relax * ratio + (1 - self.relax)))
