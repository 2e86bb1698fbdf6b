"""Nash-MTL: the update direction as a Nash bargaining solution among the tasks."""

import warnings
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import torch
from torch import Tensor

from pipeline.combiners._gramian import GramianRule
from pipeline.combiners._groups import n_states

__all__ = ["NashMTL"]


class NashMTL(GramianRule):
    """w with G w = 1 / w, G the Gramian of the gradients (Navon et al., ICML 2022, claim 3.2 and algorithm 1).

    By TorchJD, which solves a sequence of convex programs with ECOS. There is no closed form, hence no granularity
    ``entity``. The norm of the combined gradient is not clipped. The solver is warm-started from its last solution; that state
    is held by TorchJD and is not saved.

    Args:
        tasks: Task names, main task first.
        tables: Node type -> number of nodes.
        granularity: ``"global"`` as in the paper.
        update_every: Number of steps between solves; >= 1.

    Raises:
        ValueError: If ``update_every`` is less than 1.
    """

    def __init__(
        self,
        tasks: Sequence[str],
        tables: Mapping[str, int],
        *,
        granularity: Literal["global", "table"] = "global",
        update_every: int = 1,
    ) -> None:
        super().__init__(tasks, tables, granularity=granularity)
        from torchjd.aggregation import NashMTL as Rule

        if update_every < 1:
            raise ValueError(f"update_every must be >= 1, found {update_every}")
        sizes = range(1, len(tasks) + 1)
        self._rules = [
            {n: Rule(n, max_norm=0.0, update_weights_every=update_every) for n in sizes}
            for _ in range(n_states(granularity, tables))
        ]

    def solve(self, gramian: Tensor, group: int, tasks: Tensor) -> Tensor:
        """Solve with TorchJD's rule, which expects a Jacobian: a square root of the Gramian has the same Gramian."""
        values, vectors = torch.linalg.eigh(gramian)
        root = vectors * values.clamp(min=0).sqrt()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # cvxpy warns that the problem is not in the form (DPP) that it solves fastest
            weights: Tensor = self._rules[group][tasks.numel()].weighting(root)
        return weights

    def memory(self) -> dict[str, Any]:
        """Count and last solution of every rule of TorchJD; its problem is made anew from them."""
        states = [{n: rule.weighting for n, rule in of.items()} for of in self._rules]
        return {"rules": [{n: [w.step, torch.from_numpy(w.prvs_alpha)] for n, w in of.items()} for of in states]}

    def remember(self, memory: Mapping[str, Any]) -> None:
        """See the base class."""
        for of, known in zip(self._rules, memory["rules"], strict=True):
            for n, (step, solution) in known.items():
                weighting = of[n].weighting
                weighting.step, weighting.prvs_alpha = step, solution.numpy()
                if step:
                    weighting._init_optim_problem()
