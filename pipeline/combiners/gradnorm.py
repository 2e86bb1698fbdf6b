"""GradNorm: learned weights that make all tasks train at similar rates."""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from pipeline.combiners._groups import Granularity, Groups, n_states
from pipeline.combiners.base import Combined, Combiner, RowGradients, Step, weighted_sum

__all__ = ["GradNorm"]


class GradNorm(Combiner):
    """Weights w that minimise sum over t of |G_t - mean(G) r_t^alpha| by SGD, rescaled to sum to the number of tasks.

    G_t = w_t |g_t|, and r_t is the loss of t over its first value, divided by the mean of these ratios (Chen et al., ICML
    2018, equations 1 and 2, algorithm 1). The derivative in w_t is |g_t| sign(G_t - target). Ours: norms are divided by their
    mean over the tasks, because with norms of 1e-3 the paper's learning rates would never move w; weights are clipped at 0; a
    task absent from a group keeps its weight. At granularity ``entity`` (ours) each row has its own w, and r is shared.

    Args:
        tasks: Task names, main task first.
        tables: Node type -> number of nodes.
        granularity: ``"global"`` as in the paper.
        alpha: Strength of the pull towards a common training rate; >= 0.
        lr: Learning rate of the weights; > 0.

    Raises:
        ValueError: If ``alpha`` or ``lr`` is out of range.
    """

    needs_losses = True
    ignores_absent_tasks = False

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
        """Combine the gradients as the class describes."""
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
        # The only task of a group keeps its gradient: its weight is 1, and the absent tasks are masked out.
        alone = present.sum(dim=0) == 1
        return weighted_sum(gradients, groups.to_rows(torch.where(alone, 1.0, weights)))
