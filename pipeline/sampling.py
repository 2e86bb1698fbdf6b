"""Triplets for a whole epoch at once: every pair in random order, each with a tail that its head is not linked with."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from pipeline import kernels
from pipeline.data.relation import Numbers, Relation
from pipeline.seeding import numpy_generator

__all__ = ["Negatives", "Sampler", "Triplets"]

Negatives = Literal["uniform", "popularity", "hard"]

Score = Callable[[Tensor, Tensor], Tensor]
"""(heads, tails) -> scores, ``[n]`` each."""

_FLATTENED = 0.75  # exponent of the counts, as for words (Mikolov et al., NeurIPS 2013)
_HARD = 5  # draws, of which the best scored is taken

Shares = npt.NDArray[np.float64]

_NEVER = 1e-12  # share of the draws; rounding must not take a tail below it that all heads are linked with

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
        negatives: How tails are drawn: ``"uniform"``, in proportion to (pairs of the tail)^3/4 (``"popularity"``), or the one
            of five uniform draws that has the highest score when the epoch begins (``"hard"``; dynamic negative sampling,
            Zhang et al., SIGIR 2013).

    Attributes:
        proposal: The share of the draws that a tail is expected to be ``[n_tails]``, after those that a head is linked with
            were drawn again; ``None`` but for ``"popularity"``.

    Raises:
        ValueError: If the relation has no pairs.
    """

    def __init__(self, relation: Relation, seed: int, negatives: Negatives = "uniform") -> None:
        if relation.n_edges == 0:
            raise ValueError(f"{relation.name}: there are no pairs to sample from")
        self._relation = relation
        self._seed = seed
        # Where the share of each pair ends, in [0, 1].
        shares = None if relation.weights is None else np.cumsum(relation.weights)
        self._shares = None if shares is None else shares / shares[-1]
        self._keys = np.unique(relation.heads * relation.n_tails + relation.tails)
        heads, self._known = np.divmod(self._keys, relation.n_tails)
        self._negatives = negatives
        popularity = np.bincount(relation.tails, minlength=relation.n_tails) ** _FLATTENED
        ends = np.cumsum(popularity)
        self._ends = ends / ends[-1]
        self.proposal = self._after_rejection(popularity / popularity.sum(), heads) if negatives == "popularity" else None
        self._offsets = np.concatenate([[0], np.cumsum(np.bincount(heads, minlength=relation.n_heads))])

    def epoch(self, epoch: int, n: int, score: Score | None = None) -> Triplets:
        """``n`` triplets: every pair once before any comes again, in random order; or, of pairs with weights, drawn by them.

        Args:
            epoch: Counts from 1.
            n: Number of triplets.
            score: Of node numbers; needed by ``"hard"`` alone.
        """
        relation = self._relation
        generator = numpy_generator(self._seed, "triplets", relation.name, epoch)
        if self._shares is None:
            orders = [generator.permutation(relation.n_edges) for _ in range(-(-n // relation.n_edges))]
            edges = np.concatenate(orders)[:n]
        else:
            edges = np.searchsorted(self._shares, generator.random(n), side="right")
        heads, tails = relation.heads[edges], relation.tails[edges]
        negatives = self._unlinked(heads, generator)
        if self._negatives == "hard" and score is not None:
            of_head = torch.from_numpy(heads)
            best = score(of_head, torch.from_numpy(negatives)).numpy()
            for _ in range(_HARD - 1):
                others = self._unlinked(heads, generator)
                scores = score(of_head, torch.from_numpy(others)).numpy()
                better = scores > best
                negatives[better], best[better] = others[better], scores[better]
        return Triplets(torch.from_numpy(heads), torch.from_numpy(tails), torch.from_numpy(negatives))

    def _unlinked(self, heads: Numbers, generator: np.random.Generator) -> Numbers:
        """A tail for each head that it is not linked with ``[n]``, by rejection."""
        found = self._draw(heads.size, generator)
        open_ = self._linked(heads, found).nonzero()[0]
        for _ in range(_MAX_ROUNDS):
            if open_.size == 0:
                break
            found[open_] = self._draw(open_.size, generator)
            open_ = open_[self._linked(heads[open_], found[open_])]
        return found

    def _after_rejection(self, q: Shares, heads: Numbers) -> Shares:
        """What share of the draws is tail j in the end ``[n_tails]``.

        A sum over heads h: p_h q_j (1 + Q_h + ... + Q_h^R) where j is not linked with h, and p_h q_j Q_h^R where it is; R is
        ``_MAX_ROUNDS``, p_h the share of the pairs that have head h, q_j how likely tail j is to be drawn, Q_h that of all
        tails of h.

        Args:
            q: ``[n_tails]``.
            heads: Of the distinct pairs, whose tails are ``self._known``.
        """
        relation = self._relation
        p = np.bincount(relation.heads, relation.weights, minlength=relation.n_heads)
        p = p / p.sum()
        of_linked = np.minimum(np.bincount(heads, q[self._known], minlength=relation.n_heads), 1.0)
        rounds = np.full_like(of_linked, _MAX_ROUNDS + 1)
        np.divide(1 - of_linked ** (_MAX_ROUNDS + 1), 1 - of_linked, out=rounds, where=of_linked < 1)
        unlinked, linked = p * rounds, p * of_linked**_MAX_ROUNDS
        added = np.bincount(self._known, (linked - unlinked)[heads], minlength=relation.n_tails)
        share: Shares = np.maximum(q * (unlinked.sum() + added), _NEVER)
        return share

    def _draw(self, n: int, generator: np.random.Generator) -> Numbers:
        if self._negatives != "popularity":
            return generator.integers(0, self._relation.n_tails, n)
        return np.searchsorted(self._ends, generator.random(n), side="right")

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
