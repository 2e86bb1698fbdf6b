"""GradNorm: learned weights that make all tasks train at similar rates."""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from pipeline.combiners._base import Combined, Combiner, RowGradients, Step, weighted_sum
from pipeline.combiners._groups import Granularity, Groups, n_states

__all__ = ["GradNorm"]


class GradNorm(Combiner):
    """Weights w that descend on sum over t of |G_t - mean(G) r_t^alpha|, and are then scaled to sum to the number of tasks.

    G_t = w_t |g_t|, and r_t is the loss of t over its first value, divided by the mean of these ratios (Chen et al., ICML
    2018, equations 1 and 2, algorithm 1). The slope by w_t is |g_t| sign(G_t - target). Ours: norms are taken over the mean
    norm of the tasks, because with norms of 1e-3 the paper's learning rates would never move w; no weight falls below 0; a
    task that is absent from a group keeps its weight. At granularity ``entity`` (ours) each row has its own w, and r is shared.

    Args:
        tasks: See the base class.
        tables: See the base class.
        granularity: ``"global"`` is the paper's.
        alpha: How strongly rates are pulled together; >= 0.
        lr: Of the weights; > 0.

    Raises:
        ValueError: If ``alpha`` or ``lr`` is out of range.
    """

    weights: Tensor
    first_losses: Tensor

    def __init__(
        self,
        tasks: Sequence[str],
        tables: Mapping[str, int],
        *,
        granularity: Granularity = "global",
        alpha: float = 1.5,
        lr: float = 0.025,
    ) -> None:
        super().__init__(tasks, tables)
        if not alpha >= 0:
            raise ValueError(f"alpha must be >= 0, found {alpha}")
        if not lr > 0:
            raise ValueError(f"lr must be > 0, found {lr}")
        self.granularity, self.alpha, self.lr = granularity, alpha, lr
        self.register_buffer("weights", torch.ones(len(tasks), n_states(granularity, tables)))
        self.register_buffer("first_losses", torch.zeros(len(tasks)))

    def forward(self, gradients: RowGradients, step: Step) -> Combined:
        """See the class."""
        groups = Groups(gradients, self.granularity, len(self.tables))
        self.first_losses = torch.where(self.first_losses > 0, self.first_losses, step.losses.to(self.first_losses))
        ratios = step.losses / self.first_losses
        rates = (ratios / ratios.mean()).unsqueeze(1)

        present, weights = groups.present, self.weights[:, groups.states]
        norms = groups.norms()
        mean = norms.sum(dim=0) / present.sum(dim=0)
        norms = norms / mean.where(mean > 0, 1.0)
        pulled = weights * norms
        target = (pulled * present).sum(dim=0) / present.sum(dim=0) * rates**self.alpha
        moved = (weights - self.lr * norms * (pulled - target).sign() * present).clamp(min=0)
        total = moved.sum(dim=0)
        moved = moved * (len(self.tasks) / total.where(total > 0, 1.0))
        self.weights.index_copy_(1, groups.states, moved.to(self.weights.dtype))
        # A single task keeps its gradient: its weight is 1, and the others of the row have no part.
        alone = present.sum(dim=0) == 1
        return weighted_sum(gradients, groups.to_rows(torch.where(alone, 1.0, weights)))
