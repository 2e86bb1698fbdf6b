"""Nash-MTL: the tasks bargain for the direction."""

import warnings
from collections.abc import Mapping, Sequence
from typing import Literal

import torch
from torch import Tensor

from pipeline.combiners._base import Combined, Combiner, RowGradients, Step, weighted_sum
from pipeline.combiners._groups import Groups, n_states
from pipeline.combiners._torchjd import solve_each

__all__ = ["NashMTL"]


class NashMTL(Combiner):
    """w with G w = 1 / w, G the inner products of the gradients (Navon et al., ICML 2022, claim 3.2 and algorithm 1).

    By TorchJD, which solves a sequence of convex programmes with ECOS. There is no closed form and hence no granularity
    ``entity``. The length of the combined gradient is not clipped. The solver starts from its last solution; that state is
    TorchJD's and not saved.

    Args:
        tasks: See the base class.
        tables: See the base class.
        granularity: ``"global"`` is the paper's.
        update_every: Steps between two solutions; >= 1.

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
        super().__init__(tasks, tables)
        from torchjd.aggregation import NashMTL as Rule

        if update_every < 1:
            raise ValueError(f"update_every must be >= 1, found {update_every}")
        self.granularity = granularity
        sizes = range(1, len(tasks) + 1)
        self._rules = [
            {n: Rule(n, max_norm=0.0, update_weights_every=update_every) for n in sizes}
            for _ in range(n_states(granularity, tables))
        ]

    def forward(self, gradients: RowGradients, step: Step) -> Combined:
        """See the class; ``step`` is not used."""
        groups = Groups(gradients, self.granularity, len(self.tables))
        return weighted_sum(gradients, groups.to_rows(solve_each(groups, self._solve)))

    def _solve(self, gramian: Tensor, group: int, tasks: Tensor) -> Tensor:
        """TorchJD's rule wants the Jacobian; the square root of the Gramian has the same Gramian."""
        values, vectors = torch.linalg.eigh(gramian)
        root = vectors * values.clamp(min=0).sqrt()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # cvxpy says that this problem is not of the form that it solves fastest
            weights: Tensor = self._rules[group][tasks.numel()].weighting(root)
        return weights
