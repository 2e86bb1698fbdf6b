"""Softmax over the tail that belongs to the head and a sample of the others."""

import math

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from pipeline.data.relation import NodeTypes, Relation
from pipeline.losses._base import Loss, Places

__all__ = ["SampledSoftmax"]

_EPS = 1e-12  # the shortest length by which torch normalises


class SampledSoftmax(Loss):
    """mean of -ln exp(s_t) / (exp(s_t) + sum over candidates j of exp(s_j) / E_j), an estimate of the full softmax.

    s is <h, t> / temperature, of unit vectors with ``normalize``. E_j is how often tail j is expected among the candidates of
    a batch: with every candidate divided by it, the sum estimates that over all tails (the log-q correction of Bengio and
    Senecal, IEEE Transactions on Neural Networks 2008; for the tails of the other pairs Yi et al., RecSys 2019). Candidates
    are the same for all heads of a batch; the head's own tail is not among them.

    Candidates are what the sampler drew, and with ``in_batch`` the tails of the batch's other pairs, which come in proportion
    to how many pairs have them. Of n_negatives draws tail j is expected n_negatives q_j times, where q is the sampler's
    proposal with ``train.negatives: popularity``, and 1 / n_tails with ``uniform``: nearly so, because no head is given a tail
    that it is linked with, so that popular tails are drawn less. What ``hard`` draws has no law of its own and is counted as
    uniform, so that the tails it favours count for more than in the full softmax.

    It is made of matrix products, whose last bits depend on the number of threads.

    Args:
        task, nodes, dim, is_main: See the base class.
        temperature: > 0. Small: only the hardest candidates count.
        normalize: Cosines instead of inner products.
        n_negatives: Candidates that were drawn; >= 0, at most the batch size is used.
        in_batch: Whether the tails of the batch are candidates too.

    Raises:
        ValueError: If an option is out of range, or there are no candidates.
    """

    share: Tensor
    proposal: Tensor | None

    def __init__(
        self,
        task: Relation,
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
        self.temperature, self.normalize, self.n_drawn, self.in_batch = temperature, normalize, n_negatives, in_batch
        share = torch.zeros(nodes.n_rows if in_batch else 0)
        if in_batch:
            counts = torch.from_numpy(np.bincount(task.tails, task.weights, minlength=task.n_tails).astype(np.float32))
            first = nodes.offset(task.tail_type)
            share[first : first + task.n_tails] = counts / counts.sum()
        # Row of the stacked table -> share of the pairs that have it as tail; it follows from the data.
        self.register_buffer("share", share, persistent=False)
        self.register_buffer("proposal", None, persistent=False)

    def know_proposal(self, proposal: Tensor | None) -> None:
        """See the base class."""
        self.proposal = proposal

    def forward(self, rows: Tensor, at: Places, names: Tensor) -> Tensor:
        """See the base class."""
        heads, tails, negatives = at
        drawn = negatives[: self.n_drawn]
        others = torch.cat([tails, drawn]) if self.in_batch else drawn  # [n_candidates]
        rows = functional.normalize(rows, dim=1) if self.normalize else rows
        head, tail, candidate = (rows.index_select(0, places) for places in (heads, tails, others))
        own = (head * tail).sum(dim=1) / self.temperature  # [batch]
        scores = head @ candidate.T / self.temperature - self._log_expected(others, len(tails), len(drawn), names)
        scores = scores.masked_fill(tails.unsqueeze(1) == others.unsqueeze(0), -torch.inf)
        return (torch.logsumexp(torch.cat([own.unsqueeze(1), scores], dim=1), dim=1) - own).mean()

    @torch.no_grad()
    def closed_form(self, rows: Tensor, at: Places, gradient: Tensor) -> Tensor | None:
        """See the base class; in about half of the time of autograd, whose every operation makes another ``[batch, n]``.

        With p the softmax of a head over its own tail and the candidates, the gradients of its loss by the scores are p, and
        p - 1 for the own tail. Those by unit vectors x / |x| lose their part along x and are divided by |x|.
        """
        if self.in_batch or self.proposal is not None:  # E_j then needs the tails' numbers
            return None
        heads, tails, others = at[0], at[1], at[2][: self.n_drawn]
        lengths = torch.linalg.vector_norm(rows, dim=1, keepdim=True).clamp_(min=_EPS) if self.normalize else None
        unit = rows if lengths is None else rows / lengths
        head, tail, candidate = (unit.index_select(0, places) for places in (heads, tails, others))
        own = (head * tail).sum(dim=1, keepdim=True) / self.temperature  # [batch, 1]
        scores = (head @ candidate.T).mul_(1 / self.temperature).sub_(math.log(len(others) / self.task.n_tails))
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

    def _log_expected(self, others: Tensor, n_pairs: int, n_drawn: int, names: Tensor) -> Tensor | float:
        """Ln E_j ``[n_candidates]``, or one number for all."""
        expected: Tensor | float = n_drawn / self.task.n_tails
        if self.proposal is not None:
            expected = n_drawn * self.proposal[names[others] - self.nodes.offset(self.task.tail_type)]
        if self.in_batch:
            expected = expected + (n_pairs - 1) * self.share[names[others]]
        return expected.log() if isinstance(expected, Tensor) else math.log(expected)

    def ranked(self, tails: Tensor) -> Tensor:
        """Unit vectors where cosines are what the loss compares."""
        return functional.normalize(tails, dim=1) if self.normalize else tails


def _mask_own(scores: Tensor, tails: Tensor, others: Tensor) -> None:
    """``scores`` ``[batch, n]`` of a head's own tail among the candidates become -inf, without a look at all the others.

    A GPU looks at all: it would wait for the number of those found.
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
