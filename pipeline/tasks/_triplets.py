"""Triplets for a whole epoch at once: every pair in random order, each with a negative (a tail not linked with its head)."""

import numpy as np
import numpy.typing as npt

from pipeline.data.examples import HEADS, NEGATIVES, TAILS, Examples
from pipeline.data.relation import NodeTypes, Numbers
from pipeline.data.task_data import TaskData
from pipeline.seeding import numpy_generator
from pipeline.tasks._anchors import Partners, anchors
from pipeline.tasks.base import Draw, Negatives, Sampler, Score

__all__ = ["TripletSampler"]

_FLATTENED = 0.75  # exponent of the counts, as in word2vec (Mikolov et al., NeurIPS 2013)
_HARD = 5  # draws, of which the highest-scoring is taken

Shares = npt.NDArray[np.float64]

_NEVER = 1e-12  # lower bound of a tail's share of the draws, against rounding for tails linked with every head

# For a head linked with nearly all tails, rejection would run for long; draws still linked after this are false negatives.
_MAX_ROUNDS = 20


class TripletSampler(Sampler):
    """Draws pairs of a relation, each with a tail that its head is not linked with.

    Args:
        task: Its relation has at least one pair.
        nodes: See the base class.
        seed, from_batch: See the base class.
        negatives: How negatives are drawn: ``"uniform"``; ``"popularity"``, in proportion to (pairs of the tail)^(3/4); or
            ``"hard"``, the highest-scoring of five uniform draws at the start of the epoch (dynamic negative sampling, Zhang
            et al., SIGIR 2013).

    Raises:
        ValueError: If the task has no pairs.
    """

    columns = (HEADS, TAILS, NEGATIVES)

    def __init__(
        self, task: TaskData, nodes: NodeTypes, seed: int, negatives: Negatives = "uniform", *, from_batch: bool = False
    ) -> None:
        super().__init__(task, nodes, seed, negatives, from_batch=from_batch)
        relation = self.pairs()
        self._relation = relation
        # Cumulative shares of the pairs, in [0, 1].
        shares = None if relation.weights is None else np.cumsum(relation.weights)
        self._shares = None if shares is None else shares / shares[-1]
        self._keys = np.unique(relation.heads * relation.n_tails + relation.tails)
        heads, self._known = np.divmod(self._keys, relation.n_tails)
        popularity = np.bincount(relation.tails, minlength=relation.n_tails) ** _FLATTENED
        ends = np.cumsum(popularity)
        self._ends = ends / ends[-1]
        self._proposal = self._after_rejection(popularity / popularity.sum(), heads) if negatives == "popularity" else None
        self._offsets = np.concatenate([[0], np.cumsum(np.bincount(heads, minlength=relation.n_heads))])
        self._partners = Partners(relation.heads, relation.tails, relation.n_heads, relation.weights) if from_batch else None

    @property
    def proposal(self) -> Shares | None:
        """See the base class; after the tails that a head is linked with were drawn again."""
        return self._proposal

    def epoch(self, draw: Draw) -> Examples:
        """Every pair once before any comes again, in random order; or, of pairs with weights, drawn by them.

        From the batch: the users (items) of the main task's examples, each with one of its tails at random.
        """
        relation, n, score = self._relation, draw.n, draw.score
        generator = numpy_generator(self.seed, "triplets", relation.name, draw.epoch)
        if self._partners is not None and draw.main is not None:
            heads = anchors(draw, self.nodes, relation.head_type, self._partners.has_any, generator)
            tails = self._partners.draw(heads, generator)
            return self._examples(heads, tails, generator, score)
        if self._shares is None:
            orders = [generator.permutation(relation.n_edges) for _ in range(-(-n // relation.n_edges))]
            edges = np.concatenate(orders)[:n]
        else:
            edges = np.searchsorted(self._shares, generator.random(n), side="right")
        return self._examples(relation.heads[edges], relation.tails[edges], generator, score)

    def _examples(self, heads: Numbers, tails: Numbers, generator: np.random.Generator, score: Score | None) -> Examples:
        """The pairs with their negatives."""
        import torch  # late, because the stage that builds tasks does not draw

        relation = self._relation
        negatives = self._unlinked(heads, generator)
        if self.negatives == "hard":
            if score is None:
                raise ValueError(f"{self.task.name}: hard negatives need scores")
            of_head = torch.from_numpy(heads)
            best = score(of_head, torch.from_numpy(negatives)).numpy()
            for _ in range(_HARD - 1):
                others = self._unlinked(heads, generator)
                scores = score(of_head, torch.from_numpy(others)).numpy()
                better = scores > best
                negatives[better], best[better] = others[better], scores[better]
        first, of_tails = self.nodes.offset(relation.head_type), self.nodes.offset(relation.tail_type)
        rows = {HEADS: heads + first, TAILS: tails + of_tails, NEGATIVES: negatives + of_tails}
        return Examples({name: torch.from_numpy(column) for name, column in rows.items()})

    def _unlinked(self, heads: Numbers, generator: np.random.Generator) -> Numbers:
        """One unlinked tail for each head ``[n]``, by rejection sampling."""
        found = self._draw(heads.size, generator)
        open_ = self._linked(heads, found).nonzero()[0]
        for _ in range(_MAX_ROUNDS):
            if open_.size == 0:
                break
            found[open_] = self._draw(open_.size, generator)
            open_ = open_[self._linked(heads[open_], found[open_])]
        return found

    def _after_rejection(self, q: Shares, heads: Numbers) -> Shares:
        """Share of each tail j among the draws after rejection ``[n_tails]``.

        A sum over heads h: p_h q_j (1 + Q_h + ... + Q_h^R) where j is not linked with h, and p_h q_j Q_h^R where it is; R is
        ``_MAX_ROUNDS``, p_h the share of the pairs that have head h, q_j the probability of drawing tail j, Q_h its sum over
        the tails of h.

        Args:
            q: Probability of drawing each tail ``[n_tails]``.
            heads: Heads of the distinct pairs, whose tails are ``self._known``.
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
        if self.negatives != "popularity":
            return generator.integers(0, self._relation.n_tails, n)
        return np.searchsorted(self._ends, generator.random(n), side="right")

    def _linked(self, heads: Numbers, tails: Numbers) -> npt.NDArray[np.bool_]:
        """Whether each pair is in the relation ``[n]``."""
        from pipeline.kernels import compiling
        from pipeline.kernels.pairs import find_pairs

        if compiling.is_available():
            found = np.empty(heads.size, dtype=np.bool_)
            find_pairs(heads, tails, self._offsets, self._known, found)
            return found
        keys = heads * self._relation.n_tails + tails
        at = np.minimum(np.searchsorted(self._keys, keys), self._keys.size - 1)
        linked: npt.NDArray[np.bool_] = self._keys[at] == keys
        return linked
