"""Pairs of the training interactions, without negatives."""

from typing import ClassVar

import numpy as np

from pipeline.data.examples import HEADS, TAILS, Examples
from pipeline.data.relation import NodeTypes, Numbers
from pipeline.data.task_data import TaskData
from pipeline.seeding import numpy_generator
from pipeline.tasks.base import Draw, Negatives, Sampler

__all__ = ["PairSampler"]


class PairSampler(Sampler):
    """Draws pairs of a relation.

    From the batch: the main task's pairs themselves, which the relation has to contain.

    Args:
        task, nodes, seed, negatives, from_batch: See the base class.
    """

    columns: ClassVar[tuple[str, ...]] = (HEADS, TAILS)

    def __init__(
        self, task: TaskData, nodes: NodeTypes, seed: int, negatives: Negatives = "uniform", *, from_batch: bool = False
    ) -> None:
        super().__init__(task, nodes, seed, negatives, from_batch=from_batch)
        relation = self.pairs()
        self.relation = relation
        keys = relation.heads * relation.n_tails + relation.tails
        self._order = np.argsort(keys)
        self._keys = keys[self._order]

    def epoch(self, draw: Draw) -> Examples:
        """Every pair once before any comes again, in random order; or those of the batch."""
        import torch  # late, because the stage that builds tasks does not draw

        relation, edges = self.relation, self.edges(draw)
        first, of_tails = self.nodes.offset(relation.head_type), self.nodes.offset(relation.tail_type)
        rows = {
            HEADS: torch.from_numpy(relation.heads[edges] + first),
            TAILS: torch.from_numpy(relation.tails[edges] + of_tails),
        }
        return Examples(rows)

    def edges(self, draw: Draw) -> Numbers:
        """Which pairs of the relation an epoch has ``[draw.n]``; the same ones for the same epoch."""
        relation, n = self.relation, draw.n
        if not self.from_batch or draw.main is None:
            generator = numpy_generator(self.seed, "pairs", self.task.name, draw.epoch)
            orders = [generator.permutation(relation.n_edges) for _ in range(-(-n // relation.n_edges))]
            chosen: Numbers = np.concatenate(orders)[:n]
            return chosen
        heads, tails = (draw.main[column].numpy() for column in (HEADS, TAILS))
        keys = (
            (heads - self.nodes.offset(relation.head_type)) * relation.n_tails + tails - self.nodes.offset(relation.tail_type)
        )
        at = np.minimum(np.searchsorted(self._keys, keys), self._keys.size - 1)
        if not (self._keys[at] == keys).all():
            raise ValueError(f"{self.task.name}: a pair of the main task's batch is not among its pairs")
        places: Numbers = self._order[at]
        return places
