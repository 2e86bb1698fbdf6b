"""GradCraft: first balances gradient magnitudes, then removes the conflicts with all tasks simultaneously."""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from pipeline.combiners._groups import Granularity, Groups, n_states, running_mean
from pipeline.combiners.base import Combined, Combiner, RowGradients, Step, weighted_sum

__all__ = ["GradCraft"]


class GradCraft(Combiner):
    """Bai et al., KDD 2024 (arXiv 2407.19682).

    Magnitude: g_t <- (r max(m) / m_t + 1 - r) g_t, m the running means of the norms. Direction: with C the tasks in conflict
    with g_i (<g_i, g_j> < 0), g_i <- g_i + sum over C of x_j g_j such that its inner product with every g_j of C becomes
    epsilon |g_i| |g_j|; x solves a linear system. The rows are updated with the sum of all g_i. Ours: the running means start
    at the first norm; gradients are summed, not averaged, over tasks, which is equal weights if r = 0 and nothing conflicts;
    a zero gradient has no conflicts (the authors' code drops gradients that *sum* to zero).

    Args:
        tasks: Task names, main task first.
        tables: Node type -> number of nodes.
        granularity: ``"global"`` as in the paper.
        relax: r; in [0, 1].
        epsilon: Cosine after the projection; in [0, 1).
        decay: Decay rate of the running means; in [0, 1).

    Raises:
        ValueError: If an option is out of range.
    """

    weighs = False  # a weight may be negative

    norms: Tensor

    def __init__(
        self,
        tasks: Sequence[str],
        tables: Mapping[str, int],
        *,
        granularity: Granularity = "global",
        relax: float = 0.5,
        epsilon: float = 1e-3,
        decay: float = 0.9,
    ) -> None:
        super().__init__(tasks, tables)
        if not 0 <= relax <= 1:
            raise ValueError(f"relax must be in [0, 1], found {relax}")
        if not 0 <= epsilon < 1:
            raise ValueError(f"epsilon must be in [0, 1), found {epsilon}")
        if not 0 <= decay < 1:
            raise ValueError(f"decay must be in [0, 1), found {decay}")
        self.granularity, self.relax, self.epsilon, self.decay = granularity, relax, epsilon, decay
        self.register_buffer("norms", torch.zeros(len(tasks), n_states(granularity, tables)))

    def forward(self, gradients: RowGradients, step: Step) -> Combined:
        """Combine the gradients; ``step`` is unused."""
        groups = Groups(gradients, self.granularity, len(self.tables))
        present = groups.present
        means = running_mean(self.norms, groups.states, groups.norms().to(self.norms.dtype), present, self.decay)
        longest = (means * present).amax(dim=0)
        scales = torch.where(means > 0, self.relax * longest / means, self.relax) + (1 - self.relax)
        scales = (scales * present).T.double()
        products = groups.inner_products() * scales.unsqueeze(1) * scales.unsqueeze(2)
        return weighted_sum(gradients, groups.to_rows((_resolve(products, self.epsilon) * scales).T))


def _resolve(products: Tensor, epsilon: float) -> Tensor:
    """Coefficient of each gradient in the sum of the projected gradients ``[n_groups, n_tasks]``."""
    n_tasks = products.shape[1]
    identity = torch.eye(n_tasks, dtype=products.dtype, device=products.device)
    norms = products.diagonal(dim1=1, dim2=2).sqrt()
    total = products.new_ones(products.shape[:2])
    for i in range(n_tasks):
        conflict = products[:, i] < 0
        pairs = conflict.unsqueeze(1) & conflict.unsqueeze(2)
        # Tasks without a conflict become identity rows with right-hand side 0. Conflicting gradients are normalised to
        # unit length, and a tiny ridge keeps the system solvable when they are parallel.
        unit = products / (norms.unsqueeze(1) * norms.unsqueeze(2)).where(pairs, 1.0)
        system = torch.where(pairs, unit, 0.0) + torch.where(conflict.unsqueeze(2), 1e-9, 1.0) * identity
        cosine = products[:, i] / (norms[:, i : i + 1] * norms).where(conflict, 1.0)
        wanted = torch.where(conflict, (epsilon - cosine) * norms[:, i : i + 1], 0.0)
        total = total + torch.where(conflict, torch.linalg.solve(system, wanted) / norms.where(conflict, 1.0), 0.0)
    return total
