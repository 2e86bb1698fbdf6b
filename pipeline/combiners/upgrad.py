"""UPGrad: projects each task's gradient onto the directions that harm no task, then combines the projections."""

from collections.abc import Mapping, Sequence
from typing import Literal

import torch
from torch import Tensor

from pipeline.combiners._gramian import GramianRule

__all__ = ["UPGrad"]


class UPGrad(GramianRule):
    """sum over t of p_t times the projection of g_t onto the dual cone of all gradients (Quinton and Rey, arXiv 2406.16232).

    By TorchJD, which solves one quadratic program per task. There is no closed form, hence no granularity ``entity``.

    Args:
        tasks: Task names, main task first.
        tables: Node type -> number of nodes.
        granularity: ``"global"`` as in the paper.
        main_preference: p of the main task, in (0, 1); side tasks share the rest equally. ``None``: equal for all tasks.

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
        super().__init__(tasks, tables, granularity=granularity)
        from torchjd.aggregation import UPGradWeighting

        if main_preference is not None and not 0 < main_preference < 1:
            raise ValueError(f"main_preference must be in (0, 1), found {main_preference}")
        self._make = UPGradWeighting
        main = 1 / len(tasks) if main_preference is None else main_preference
        side = (1 - main) / max(len(tasks) - 1, 1)
        self.register_buffer("preference", torch.tensor([main, *[side] * (len(tasks) - 1)], dtype=torch.float64))

    def solve(self, gramian: Tensor, group: int, tasks: Tensor) -> Tensor:
        """Solve with the preferences of the present tasks, normalised to sum to 1."""
        preference = self.get_buffer("preference").cpu()[tasks]
        weights: Tensor = self._make(preference / preference.sum())(gramian)
        return weights
