"""Pairs of items of a side table, whichever way it has them."""

from pipeline.data.pairs import as_pairs
from pipeline.data.task_data import TaskData, TrainingData

__all__ = ["item_pairs"]


def item_pairs(name: str, data: TrainingData) -> TaskData | None:
    """Items that share a node of the side table ``name`` (item, node), or that it lists (item, item)."""
    links = data.sides.get(name)
    if links is None:
        return None
    return TaskData(name, name, as_pairs(name, links, "undirected" if links.head_type == links.tail_type else "shared"))
