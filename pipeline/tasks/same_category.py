"""Are two items of one category? Drawn without making all pairs."""

import numpy as np
import scipy.sparse

from pipeline.data.examples import HEADS, NEGATIVES, TAILS, Examples
from pipeline.data.pairs import as_pairs
from pipeline.data.relation import NodeTypes, Numbers
from pipeline.data.task_data import TaskData, TrainingData
from pipeline.errors import InputError
from pipeline.seeding import numpy_generator
from pipeline.tasks._anchors import Partners, anchors
from pipeline.tasks.base import Draw, Negatives, Sampler, TaskType

__all__ = ["same_category"]

_MAX_ROUNDS = 20  # draws of an item of another category; what still shares one then is a false negative


def _build(data: TrainingData) -> TaskData | None:
    """Memberships from the side table ``category`` (item, category)."""
    links = data.sides.get("category")
    return None if links is None else TaskData("same_category", "same_category", as_pairs("same_category", links, "membership"))


class _Sampler(Sampler):
    """An item, another one of one of its categories, and one that shares none with it.

    Args:
        task, nodes, seed, negatives, from_batch: See the base class; from the batch: the first item is one of it.
    """

    columns = (HEADS, TAILS, NEGATIVES)

    def __init__(
        self, task: TaskData, nodes: NodeTypes, seed: int, negatives: Negatives = "uniform", *, from_batch: bool = False
    ) -> None:
        super().__init__(task, nodes, seed, negatives, from_batch=from_batch)
        relation = self.pairs()
        several = (
            np.bincount(relation.tails, minlength=relation.n_tails) > 1
        )  # fewer than were built, after build_tasks.min_count
        relation = relation.only(several[relation.tails])
        if relation.n_edges == 0:
            raise InputError(f"{task.name}: no category has two items. Fix: leave the task out, or lower build_tasks.min_count")
        self._relation = relation
        self._categories = Partners(relation.heads, relation.tails, relation.n_heads)
        self._items = Partners(relation.tails, relation.heads, relation.n_tails)
        ones = np.ones(relation.n_edges, dtype=np.int64)
        shape = (relation.n_heads, relation.n_tails)
        self._memberships = scipy.sparse.csr_array((ones, (relation.heads, relation.tails)), shape=shape)

    def epoch(self, draw: Draw) -> Examples:
        """Items in proportion to their memberships, or those of the batch."""
        import torch  # late, because the stage that builds tasks does not draw

        relation = self._relation
        generator = numpy_generator(self.seed, "same category", draw.epoch)
        if self.from_batch and draw.main is not None:
            items = anchors(draw, self.nodes, relation.head_type, self._categories.has_any, generator)
        else:
            items = relation.heads[generator.integers(0, relation.n_edges, draw.n)]
        mates = self._items.draw(self._categories.draw(items, generator), generator)
        for _ in range(_MAX_ROUNDS):
            oneself = np.flatnonzero(mates == items)
            if not oneself.size:
                break
            mates[oneself] = self._items.draw(self._categories.draw(items[oneself], generator), generator)
        strangers = generator.integers(0, relation.n_heads, draw.n)
        for _ in range(_MAX_ROUNDS):
            related = np.flatnonzero(self._share_one(items, strangers))
            if not related.size:
                break
            strangers[related] = generator.integers(0, relation.n_heads, related.size)
        first = self.nodes.offset(relation.head_type)
        columns = zip(self.columns, (items, mates, strangers), strict=True)
        return Examples({name: torch.from_numpy(column + first) for name, column in columns})

    def _share_one(self, one: Numbers, two: Numbers) -> "np.ndarray[tuple[int], np.dtype[np.bool_]]":
        """Whether two items have a category in common ``[n]``."""
        shared: np.ndarray[tuple[int], np.dtype[np.bool_]] = (
            self._memberships[one].multiply(self._memberships[two]).sum(axis=1) > 0
        )
        return shared


same_category = TaskType(_build, _Sampler, "bce", opt_in=True)
