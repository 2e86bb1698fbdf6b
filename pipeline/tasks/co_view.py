"""Rank the items that are viewed together with an item."""

from pipeline.data.pairs import as_pairs
from pipeline.data.task_data import TaskData, TrainingData
from pipeline.tasks._triplets import TripletSampler
from pipeline.tasks.base import TaskType

__all__ = ["co_view"]


def _build(data: TrainingData) -> TaskData | None:
    """Pairs of items that share a node of the side table ``co_view`` (item, view node), in both directions."""
    links = data.sides.get("co_view")
    return None if links is None else TaskData("co_view", "co_view", as_pairs("co_view", links, "shared"))


co_view = TaskType(_build, TripletSampler)
