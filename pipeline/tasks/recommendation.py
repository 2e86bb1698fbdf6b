"""The main task: rank the items of a user."""

from pipeline.data.task_data import TaskData, TrainingData
from pipeline.tasks._triplets import TripletSampler
from pipeline.tasks.base import TaskType

__all__ = ["recommendation"]


def _build(data: TrainingData) -> TaskData:
    """The training interactions themselves."""
    return TaskData("recommendation", "recommendation", data.train)


recommendation = TaskType(_build, TripletSampler)
