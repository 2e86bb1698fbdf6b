"""UPGrad: each task's gradient is projected where no task gets worse, then they are mixed."""

from collections.abc import Mapping, Sequence
from typing import Literal

import torch
from torch import Tensor

from pipeline.combiners._base import Combined, Combiner, RowGradients, Step, weighted_sum
from pipeline.combiners._groups import Groups
from pipeline.combiners._torchjd import solve_each

__all__ = ["UPGrad"]


class UPGrad(Combiner):
    """sum over t of p_t times the projection of g_t onto the dual cone of all gradients (Quinton and Rey, arXiv 2406.16232).

    By TorchJD, which solves a quadratic programme per task. There is no closed form and hence no granularity ``entity``.

    Args:
        tasks: See the base class.
        tables: See the base class.
        granularity: ``"global"`` is the paper's.
        main_preference: p of the main task, the side tasks share the rest evenly; in (0, 1). ``None``: all have the same.

    Raises:
        ValueError: If ``main_preference`` is out of range.
    """

    def __init__(
        self,
        tasks: Sequence[str],
        tables: Mapping[str, int],
        *,
        granularity: Literal["global", "table"] = "global",
        main_preference: float | None = None,
    ) -> None:
        super().__init__(tasks, tables)
        from torchjd.aggregation import UPGradWeighting

        if main_preference is not None and not 0 < main_preference < 1:
            raise ValueError(f"main_preference must be in (0, 1), found {main_preference}")
        self.granularity = granularity
        self._make = UPGradWeighting
        main = 1 / len(tasks) if main_preference is None else main_preference
        side = (1 - main) / max(len(tasks) - 1, 1)
        self.register_buffer("preference", torch.tensor([main, *[side] * (len(tasks) - 1)], dtype=torch.float64))

    def forward(self, gradients: RowGradients, step: Step) -> Combined:
        """See the class; ``step`` is not used."""
        groups = Groups(gradients, self.granularity, len(self.tables))
        return weighted_sum(gradients, groups.to_rows(solve_each(groups, self._solve)))

    def _solve(self, gramian: Tensor, group: int, tasks: Tensor) -> Tensor:
        """The preference of the tasks that are there, made to sum to 1."""
        preference = self.get_buffer("preference").cpu()[tasks]
        weights: Tensor = self._make(preference / preference.sum())(gramian)
        return weights
