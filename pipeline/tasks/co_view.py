"""Rank the items that are viewed together with an item."""

from pipeline.data.task_data import TaskData, TrainingData
from pipeline.tasks._item_pairs import item_pairs
from pipeline.tasks._triplets import TripletSampler
from pipeline.tasks.base import TaskType

__all__ = ["co_view"]


def _build(data: TrainingData) -> TaskData | None:
    """Pairs from the side table ``co_view``, in both directions."""
    return item_pairs("co_view", data)


co_view = TaskType(_build, TripletSampler)
