"""Sampled softmax: cross-entropy of a head's positive tail against sampled candidates."""

import math

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from pipeline.data.examples import HEADS, NEGATIVES, TAILS, Examples
from pipeline.data.relation import NodeTypes, Relation
from pipeline.data.task_data import TaskData
from pipeline.losses.base import Loss

__all__ = ["SampledSoftmax"]

_EPS = 1e-12  # the smallest norm by which torch divides when it normalises


class SampledSoftmax(Loss):
    """mean of -ln exp(s_t) / (exp(s_t) + sum over candidates j of exp(s_j) / E_j), an estimate of the full softmax.

    s is <h, t> / temperature, of unit vectors with ``normalize``. E_j is the expected number of occurrences of tail j among
    the candidates of a batch: weighted by 1 / E_j, their sum estimates that over all tails (the log-q correction of Bengio and
    Senecal, IEEE Transactions on Neural Networks 2008; for in-batch tails, Yi et al., RecSys 2019). All heads of a batch share
    the candidates; a head's own tail is masked.

    Candidates are the sampled negatives and, with ``in_batch``, the tails of the batch's other pairs, which occur in proportion
    to their number of pairs. Among n_negatives draws, tail j is expected n_negatives q_j times, where q is the sampler's
    proposal distribution with ``train.negatives: popularity``, and 1 / n_tails with ``uniform``; the latter is approximate,
    because tails linked with the head are rejected, so that popular tails are drawn less often. ``hard`` draws follow no known
    distribution and are treated as uniform, so that the tails they favour weigh more than in the full softmax.

    The loss is computed with matrix products, whose last bits depend on the number of threads.

    Args:
        task, nodes, dim, is_main: See the base class.
        temperature: > 0. Small: only the hardest candidates matter.
        normalize: Whether to use cosines instead of inner products.
        n_negatives: Number of sampled candidates per batch; >= 0, capped at the batch size.
        in_batch: Whether the tails of the batch are candidates too.

    Raises:
        ValueError: If an option is out of range, or there are no candidates.
    """

    share: Tensor
    proposal: Tensor | None

    def __init__(
        self,
        task: TaskData,
        nodes: NodeTypes,
        dim: int,
        is_main: bool,
        *,
        temperature: float = 0.2,
        normalize: bool = True,
        n_negatives: int = 512,
        in_batch: bool = False,
    ) -> None:
        super().__init__(task, nodes, dim, is_main)
        if not temperature > 0:
            raise ValueError(f"temperature must be > 0, found {temperature}")
        if n_negatives < 0 or (n_negatives == 0 and not in_batch):
            raise ValueError(f"n_negatives must be >= 1, or >= 0 with in_batch, found {n_negatives}")
        self.temperature, self.normalize, self.n_negatives, self.in_batch = temperature, normalize, n_negatives, in_batch
        relation = _pairs_of(task)
        self.n_tails, self.first_tail = relation.n_tails, nodes.offset(relation.tail_type)
        share = torch.zeros(nodes.n_rows if in_batch else 0)
        if in_batch:
            counts = torch.from_numpy(
                np.bincount(relation.tails, relation.weights, minlength=relation.n_tails).astype(np.float32)
            )
            share[self.first_tail : self.first_tail + self.n_tails] = counts / counts.sum()
        # Row of the stacked table -> share of the pairs with it as tail; not saved, as it is derived from the data.
        self.register_buffer("share", share, persistent=False)
        self.register_buffer("proposal", None, persistent=False)

    def at_most(self) -> dict[str, int]:
        """See the base class."""
        return {NEGATIVES: self.n_negatives}

    def set_proposal(self, proposal: Tensor | None) -> None:
        """Keep the proposal distribution for the log-q correction."""
        self.proposal = proposal

    def forward(self, rows: Tensor, examples: Examples, row_ids: Tensor) -> Tensor:
        """See the base class."""
        heads, tails, drawn = examples[HEADS], examples[TAILS], examples[NEGATIVES][: self.n_negatives]
        others = torch.cat([tails, drawn]) if self.in_batch else drawn  # [n_candidates]
        rows = functional.normalize(rows, dim=1) if self.normalize else rows
        head, tail, candidate = (rows.index_select(0, places) for places in (heads, tails, others))
        own = (head * tail).sum(dim=1) / self.temperature  # [batch]
        scores = head @ candidate.T / self.temperature - self._log_expected(others, len(tails), len(drawn), row_ids)
        scores = scores.masked_fill(tails.unsqueeze(1) == others.unsqueeze(0), -torch.inf)
        return (torch.logsumexp(torch.cat([own.unsqueeze(1), scores], dim=1), dim=1) - own).mean()

    @torch.no_grad()
    def closed_form(self, rows: Tensor, examples: Examples, gradient: Tensor) -> Tensor | None:
        """See the base class; takes about half the time of autograd, which allocates another ``[batch, n]`` per operation.

        With p the softmax of a head over its own tail and the candidates, the gradient of its loss with respect to the scores
        is p, and p - 1 for its own tail. Through x / |x|, a gradient loses its component along x and is divided by |x|.
        """
        if self.in_batch or self.proposal is not None:  # E_j then depends on the tail's row number
            return None
        heads, tails, others = examples[HEADS], examples[TAILS], examples[NEGATIVES][: self.n_negatives]
        lengths = torch.linalg.vector_norm(rows, dim=1, keepdim=True).clamp_(min=_EPS) if self.normalize else None
        unit = rows if lengths is None else rows / lengths
        head, tail, candidate = (unit.index_select(0, places) for places in (heads, tails, others))
        own = (head * tail).sum(dim=1, keepdim=True) / self.temperature  # [batch, 1]
        scores = (head @ candidate.T).mul_(1 / self.temperature).sub_(math.log(len(others) / self.n_tails))
        _mask_own(scores, tails, others)
        highest = torch.maximum(scores.amax(dim=1, keepdim=True), own)
        p = scores.sub_(highest).exp_()  # [batch, n_candidates]
        p_own = (own - highest).exp_()
        total = p.sum(dim=1, keepdim=True) + p_own
        loss = (total.log() + highest - own).mean()
        factor = 1 / (len(heads) * self.temperature)
        p.mul_(factor / total)
        p_own = (p_own / total - 1).mul_(factor)
        by_unit = torch.zeros_like(rows)
        by_unit.index_add_(0, heads, (p @ candidate).addcmul_(tail, p_own))
        by_unit.index_add_(0, tails, head * p_own)
        by_unit.index_add_(0, others, p.T @ head)
        if lengths is not None:
            by_unit = (by_unit - unit * (by_unit * unit).sum(dim=1, keepdim=True)) / lengths
        gradient.add_(by_unit)
        return loss

    def _log_expected(self, others: Tensor, n_pairs: int, n_drawn: int, row_ids: Tensor) -> Tensor | float:
        """Return ln E_j ``[n_candidates]``, or one number if it is the same for all."""
        expected: Tensor | float = n_drawn / self.n_tails
        if self.proposal is not None:
            expected = n_drawn * self.proposal[row_ids[others] - self.first_tail]
        if self.in_batch:
            expected = expected + (n_pairs - 1) * self.share[row_ids[others]]
        return expected.log() if isinstance(expected, Tensor) else math.log(expected)

    def scoring_vectors(self, tails: Tensor) -> Tensor:
        """Unit vectors if the loss compares cosines, else the tails themselves."""
        return functional.normalize(tails, dim=1) if self.normalize else tails


def _pairs_of(task: TaskData) -> Relation:
    if task.relation is None:
        raise ValueError(f"{task.name}: has no pairs to rank")
    return task.relation


def _mask_own(scores: Tensor, tails: Tensor, others: Tensor) -> None:
    """Set ``scores`` ``[batch, n]`` of each head's own tail among the candidates to -inf, without comparing all candidates.

    A GPU compares all: a data-dependent number of matches would force a synchronisation.
    """
    if scores.device.type != "cpu":
        scores.masked_fill_(tails.unsqueeze(1) == others.unsqueeze(0), -torch.inf)
        return
    candidates, order = others.sort()
    first = torch.searchsorted(candidates, tails)
    n_found = torch.searchsorted(candidates, tails, right=True) - first
    pair = torch.repeat_interleave(n_found)
    nth = torch.arange(len(pair), device=pair.device) - (n_found.cumsum(0) - n_found)[pair]
    scores[pair, order[first[pair] + nth]] = -torch.inf
