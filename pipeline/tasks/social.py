"""Rank the friends of a user."""

from pipeline.data.pairs import as_pairs
from pipeline.data.task_data import TaskData, TrainingData
from pipeline.tasks._triplets import TripletSampler
from pipeline.tasks.base import TaskType

__all__ = ["social"]


def _build(data: TrainingData) -> TaskData | None:
    """Friendships from the side table ``social`` (user, user), in both directions."""
    links = data.sides.get("social")
    return None if links is None else TaskData("social", "social", as_pairs("social", links, "undirected"))


social = TaskType(_build, TripletSampler)
