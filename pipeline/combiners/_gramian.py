"""The base of rules that look at the inner products of the tasks' gradients and at nothing else of them."""

from collections.abc import Mapping, Sequence
from typing import ClassVar

import torch
from torch import Tensor

from pipeline.combiners._groups import Granularity, Groups
from pipeline.combiners._torchjd import seeded, solve_each
from pipeline.combiners.base import Combined, Combiner, RowGradients, Step, weighted_sum

__all__ = ["GramianRule"]


class GramianRule(Combiner):
    """Weights of each group of rows from its Gramian.

    A rule of TorchJD names the class that makes its weights, and adds a formula for all entities at once; one that is no
    such rule, or needs more than the Gramian, overrides ``solve``.

    Args:
        tasks: Names of the tasks, main task first.
        tables: Node type -> number of its nodes.
        granularity: Which rows share weights; ``"global"`` is what the papers do.
    """

    torchjd_weighting: ClassVar[str] = ""
    """A class of ``torchjd.aggregation`` that is made without arguments."""

    def __init__(self, tasks: Sequence[str], tables: Mapping[str, int], *, granularity: Granularity = "global") -> None:
        super().__init__(tasks, tables)
        self.granularity = granularity
        if self.torchjd_weighting and granularity != "entity":
            from torchjd import aggregation

            self.weighting = getattr(aggregation, self.torchjd_weighting)()

    def forward(self, gradients: RowGradients, step: Step) -> Combined:
        """Weigh each group."""
        groups = Groups(gradients, self.granularity, len(self.tables))
        if self.granularity == "entity":
            weights = self.solve_entities(groups, step.generator)
        else:
            with seeded(step.generator):
                weights = solve_each(groups, self.solve)
        return weighted_sum(gradients, groups.to_rows(weights))

    def solve(self, gramian: Tensor, group: int, tasks: Tensor) -> Tensor:
        """Weights of one group; see ``solve_each``."""
        weights: Tensor = self.weighting(gramian)
        return weights

    def solve_entities(self, groups: Groups, generator: torch.Generator) -> Tensor:
        """Weights of all rows at once ``[n_tasks, n_rows]``.

        A rule without such a formula leaves ``"entity"`` out of the type of its ``granularity``.
        """
        raise NotImplementedError
