"""Predict the rating of an interaction."""

from pipeline.data.examples import HEADS, TAILS, TARGETS, Examples
from pipeline.data.task_data import TaskData, TrainingData
from pipeline.tasks._pairs import PairSampler
from pipeline.tasks.base import Draw, TaskType

__all__ = ["rating"]


def _build(data: TrainingData) -> TaskData | None:
    """The training interactions, where they have ratings."""
    return TaskData("rating", "rating", data.train) if "rating" in data.train.values else None


class _Sampler(PairSampler):
    """Pairs with their ratings as targets."""

    columns = (HEADS, TAILS, TARGETS)

    def epoch(self, draw: Draw) -> Examples:
        """See the base class."""
        import torch  # late, because the stage that builds tasks does not draw

        ratings = self.relation.values["rating"][self.edges(draw)]
        return Examples(super().epoch(draw).rows, {TARGETS: torch.from_numpy(ratings).float()})


rating = TaskType(_build, _Sampler, "mse", opt_in=True)
