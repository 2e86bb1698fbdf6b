"""GradVac: raises the gradient cosine of each pair of tasks to the pair's running mean."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from pipeline.combiners._gramian import GramianRule
from pipeline.combiners._groups import Granularity, Groups, n_states

if TYPE_CHECKING:
    from torchjd.aggregation import GradVacWeighting

__all__ = ["GradVac"]


class GradVac(GramianRule):
    """Where cos(g_i, g_j) is below its running mean, a multiple of g_j is added to g_i to raise it to that mean.

    With phi the cosine, p its running mean and norms n_i, n_j: g_i <- g_i + n_i (p sqrt(1 - phi^2) - phi sqrt(1 - p^2)) /
    (n_j sqrt(1 - p^2)) g_j, then p <- (1 - beta) p + beta phi (Wang et al., "Gradient Vaccine", ICLR 2021, equations 2 and 3).
    By TorchJD; at granularity ``entity`` (ours) by the same formula for all rows at once, with one p per row.

    Args:
        tasks: Task names, main task first.
        tables: Node type -> number of nodes.
        granularity: ``"global"`` and ``"table"`` as in the paper (all parameters, each layer).
        beta: Weight of the current step's cosine in the running mean; in [0, 1].

    Raises:
        ValueError: If ``beta`` is out of range.
    """

    targets: Tensor
    draws = True

    def __init__(
        self,
        tasks: Sequence[str],
        tables: Mapping[str, int],
        *,
        granularity: Granularity = "global",
        beta: float = 0.5,
    ) -> None:
        super().__init__(tasks, tables, granularity=granularity)
        if not 0 <= beta <= 1:
            raise ValueError(f"beta must be in [0, 1], found {beta}")
        self.beta = beta
        n_groups, n_tasks = n_states(granularity, tables), len(tasks)
        if granularity == "entity":
            self.register_buffer("targets", torch.zeros(n_groups, n_tasks, n_tasks))
        else:
            from torchjd.aggregation import GradVacWeighting

            self.weightings = nn.ModuleList(GradVacWeighting(beta) for _ in range(n_groups))

    def solve(self, gramian: Tensor, group: int, tasks: Tensor) -> Tensor:
        """See the base class; each group has a running mean of its own."""
        weights: Tensor = self.weightings[group](gramian)
        return weights

    def solve_entities(self, groups: Groups, generator: torch.Generator) -> Tensor:
        """See the base class."""
        products = groups.inner_products()
        n_tasks = products.shape[1]
        norms = products.diagonal(dim1=1, dim2=2).sqrt()
        mixed = torch.eye(n_tasks, dtype=products.dtype, device=products.device).repeat(len(products), 1, 1)
        targets = self.targets[groups.states].to(products.dtype)
        for i in range(n_tasks):
            for j in torch.randperm(n_tasks, generator=generator).tolist():
                if j == i:
                    continue
                inner = (mixed[:, i] * products[:, j]).sum(dim=1)
                own = (mixed[:, i].unsqueeze(1) @ products @ mixed[:, i].unsqueeze(2)).flatten().clamp(min=0).sqrt()
                both = (own > 0) & (norms[:, j] > 0)
                cosine = torch.where(both, inner / (own * norms[:, j]), 0.0).clamp(-1, 1)
                target = targets[:, i, j]
                across, target_across = (1 - cosine.square()).sqrt(), (1 - target.square()).sqrt()
                pull = own * (target * across - cosine * target_across) / (norms[:, j] * target_across + 1e-8)
                mixed[:, i, j] += torch.where(both & (cosine < target), pull, 0.0)
                targets[:, i, j] = torch.where(both, (1 - self.beta) * target + self.beta * cosine, target)
        self.targets.index_copy_(0, groups.states, targets.to(self.targets.dtype))
        return mixed.sum(dim=1).T

    def memory(self) -> dict[str, Any]:
        """TorchJD's means, which a group has once it has been seen."""
        return {str(place): of._phi_t for place, of in enumerate(self._weightings()) if of._phi_t is not None}

    def remember(self, memory: Mapping[str, Any]) -> None:
        """See the base class."""
        for place, means in memory.items():
            of = self._weightings()[int(place)]
            of._phi_t, of._state_key = means, (len(means), means.dtype)

    def _weightings(self) -> "list[GradVacWeighting]":
        """Of TorchJD, one per group."""
        return [] if self.granularity == "entity" else list(self.weightings)  # type: ignore[arg-type]
