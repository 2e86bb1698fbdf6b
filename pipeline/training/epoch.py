"""What is known of an epoch as it ends."""

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pipeline.metric_names import VALIDATION_METRIC

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["Epoch"]


@dataclass(frozen=True)
class Epoch:
    """Results of one epoch.

    Attributes:
        number: 1-based epoch number.
        losses: Training loss per task: the mean over the epoch's batches; of a solver the sum over all pairs before the sweep.
        telemetry: The rule's telemetry, by metric name (see ``Telemetry``).
        valid_ndcg: NDCG@20 on the validation set; NaN where there is none, as all interactions are trained on.
        is_settled: Whether the rule's schedule has come to the main task.
        seconds: Of training alone, without validation, logging and start-up.
        weights: The tasks' weights at every row, of some epochs (see ``WeightTrace``).
    """

    number: int
    losses: dict[str, float]
    telemetry: dict[str, float]
    valid_ndcg: float
    is_settled: bool = True
    seconds: float = field(default=0.0, compare=False)
    weights: "Tensor | None" = field(default=None, compare=False, repr=False)

    def row(self) -> dict[str, float]:
        """One row of the history, by metric name; without timings, so that identical trainings give identical bytes."""
        return {
            "epoch": self.number,
            **({} if math.isnan(self.valid_ndcg) else {VALIDATION_METRIC: self.valid_ndcg}),
            **{f"train/loss/{task}": value for task, value in self.losses.items()},
            **self.telemetry,
        }
