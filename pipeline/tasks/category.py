"""Rank the categories (tags) of an item."""

from pipeline.data.pairs import as_pairs
from pipeline.data.task_data import TaskData, TrainingData
from pipeline.tasks._triplets import TripletSampler
from pipeline.tasks.base import TaskType

__all__ = ["category"]


def _build(data: TrainingData) -> TaskData | None:
    """Memberships from the side table ``category`` (item, category), each once."""
    links = data.sides.get("category")
    return None if links is None else TaskData("category", "category", as_pairs("category", links, "membership"))


category = TaskType(_build, TripletSampler)
