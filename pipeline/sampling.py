"""Triplets for a whole epoch at once: every pair in random order, each with a uniform negative."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from pipeline.data.relation import Relation
from pipeline.seeding import numpy_generator

__all__ = ["Sampler", "Triplets"]

# A head that is linked with nearly all tails would make rejection run for long; what is left then stays a false negative.
_MAX_ROUNDS = 20


@dataclass(frozen=True, eq=False)
class Triplets:
    """Numbers within the relation's node types, int64 ``[n]`` each."""

    heads: Tensor
    tails: Tensor
    negatives: Tensor


class Sampler:
    """Draws the triplets of one relation, the same ones for the same (seed, task, epoch).

    Args:
        relation: The pairs; at least one.
        seed: Training seed.

    Raises:
        ValueError: If the relation has no pairs.
    """

    def __init__(self, relation: Relation, seed: int) -> None:
        if relation.n_edges == 0:
            raise ValueError(f"{relation.name}: there are no pairs to sample from")
        self._relation = relation
        self._seed = seed
        self._known = np.unique(relation.heads * relation.n_tails + relation.tails)

    def epoch(self, epoch: int, n: int) -> Triplets:
        """``n`` triplets: all pairs in a random order, repeated in new orders where ``n`` asks for more.

        Negatives are uniform over the tails that are not linked with the head (rejection, vectorised).
        """
        relation = self._relation
        generator = numpy_generator(self._seed, "triplets", relation.name, epoch)
        orders = [generator.permutation(relation.n_edges) for _ in range(-(-n // relation.n_edges))]
        edges = np.concatenate(orders)[:n]
        heads, tails = relation.heads[edges], relation.tails[edges]
        negatives = generator.integers(0, relation.n_tails, n)
        open_ = np.arange(n)
        for _ in range(_MAX_ROUNDS):
            keys = heads[open_] * relation.n_tails + negatives[open_]
            at = np.minimum(np.searchsorted(self._known, keys), self._known.size - 1)
            open_ = open_[self._known[at] == keys]
            if open_.size == 0:
                break
            negatives[open_] = generator.integers(0, relation.n_tails, open_.size)
        return Triplets(torch.from_numpy(heads), torch.from_numpy(tails), torch.from_numpy(negatives))
