"""Rank the tails of any relation: the task that a side table with a relation kind becomes by its name alone."""

from pipeline.data.task_data import TrainingData
from pipeline.tasks._triplets import TripletSampler
from pipeline.tasks.base import TaskType

__all__ = ["ranking"]


def _build(data: TrainingData) -> None:
    """Nothing by itself: ``pipeline.task_building`` makes one of each side table that says what kind of relation it is."""


ranking = TaskType(_build, TripletSampler)
