"""Triplets for a whole epoch at once: every pair in random order, each with a uniform negative."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from pipeline import kernels
from pipeline.data.relation import Numbers, Relation
from pipeline.seeding import numpy_generator

__all__ = ["Sampler", "Triplets"]

# A head that is linked with nearly all tails would make rejection run for long; what is left then stays a false negative.
_MAX_ROUNDS = 20


@dataclass(frozen=True, eq=False)
class Triplets:
    """Numbers of nodes or of rows, int64 ``[n]`` each."""

    heads: Tensor
    tails: Tensor
    negatives: Tensor

    def shifted(self, heads: int, tails: int) -> "Triplets":
        """Node numbers as row numbers of a stacked table, given the first rows of heads and tails."""
        return Triplets(self.heads + heads, self.tails + tails, self.negatives + tails)


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
        # Where the share of each pair ends, in [0, 1].
        shares = None if relation.weights is None else np.cumsum(relation.weights)
        self._shares = None if shares is None else shares / shares[-1]
        self._keys = np.unique(relation.heads * relation.n_tails + relation.tails)
        heads, self._known = np.divmod(self._keys, relation.n_tails)
        self._offsets = np.concatenate([[0], np.cumsum(np.bincount(heads, minlength=relation.n_heads))])

    def epoch(self, epoch: int, n: int) -> Triplets:
        """``n`` triplets: every pair once before any comes again, in random order; or, of pairs with weights, drawn by them.

        A negative is uniform over the tails that the head is not linked with, by rejection.
        """
        relation = self._relation
        generator = numpy_generator(self._seed, "triplets", relation.name, epoch)
        if self._shares is None:
            orders = [generator.permutation(relation.n_edges) for _ in range(-(-n // relation.n_edges))]
            edges = np.concatenate(orders)[:n]
        else:
            edges = np.searchsorted(self._shares, generator.random(n), side="right")
        heads, tails = relation.heads[edges], relation.tails[edges]
        negatives = generator.integers(0, relation.n_tails, n)
        open_ = self._linked(heads, negatives).nonzero()[0]
        for _ in range(_MAX_ROUNDS):
            if open_.size == 0:
                break
            negatives[open_] = generator.integers(0, relation.n_tails, open_.size)
            open_ = open_[self._linked(heads[open_], negatives[open_])]
        return Triplets(torch.from_numpy(heads), torch.from_numpy(tails), torch.from_numpy(negatives))

    def _linked(self, heads: Numbers, tails: Numbers) -> npt.NDArray[np.bool_]:
        """Which pairs are in the relation ``[n]``."""
        if kernels.is_compiled_for(torch.empty(0)):
            found = np.empty(heads.size, dtype=np.bool_)
            kernels.find_pairs(heads, tails, self._offsets, self._known, found)
            return found
        keys = heads * self._relation.n_tails + tails
        at = np.minimum(np.searchsorted(self._keys, keys), self._keys.size - 1)
        linked: npt.NDArray[np.bool_] = self._keys[at] == keys
        return linked
