"""When a training stops, and how that and the schedule of a rule know of each other."""

from collections.abc import Mapping
from typing import Any

__all__ = ["EarlyStopping"]


class EarlyStopping:
    """Stops after some epochs without a better validation.

    Epochs in which the rule's schedule is still on its way to the main task do not count: what they lack may be what the
    schedule brings, and a training that ended there would never have followed its rule.

    Args:
        patience: Number of epochs; >= 1.

    Attributes:
        best: The best validation so far.
    """

    def __init__(self, patience: int) -> None:
        self._patience = patience
        self._since = 0
        self.best = -1.0

    def state_dict(self) -> dict[str, float]:
        """What it has seen."""
        return {"since": self._since, "best": self.best}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take over what another one has seen."""
        self._since, self.best = state["since"], state["best"]

    def is_best(self, number: int, value: float) -> bool:
        """Whether the validation of epoch ``number`` (1, 2, ...) is the best so far."""
        if not value > self.best:
            return False
        self.best, self._since = value, number
        return True

    def is_over(self, number: int, *, is_settled: bool) -> bool:
        """Whether epoch ``number`` is the last one; ``is_settled``: the schedule, if any, has come to the main task."""
        if not is_settled:
            self._since = number
        return number - self._since >= self._patience
