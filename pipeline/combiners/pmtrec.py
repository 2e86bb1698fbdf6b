"""PMTRec: for every user and item, the norms of the tasks' gradients decide how much each task counts."""

import math
from collections.abc import Mapping, Sequence
from functools import reduce
from typing import Literal

import torch
from torch import Tensor

from pipeline.combiners._groups import Granularity, Groups
from pipeline.combiners.base import Combined, Combiner, RowGradients, Step, weighted_sum

__all__ = ["PMTRec"]

_LARGEST = 1e30  # of alpha^s, and of a norm after it: finite in float32, and far beyond what a softmax can tell apart
_SMALLEST = 1e-30  # tau, so that it is not 0 in float32
_FOCUSED = 0.9  # mean weight of the main task from which the training counts as focused on it


class PMTRec(Combiner):
    """Yang et al., "Personalized Multi-task Training for Recommender System", IEEE BigData 2024, arXiv 2407.21364, algorithm 1.

    For row e of the embedding table, task t (0: the main task) and epoch s = 1, 2, ...::

        n[e,t] = ||g[e,t]||_2                                    (equation 3)
        n[e,0] = n[e,0] * alpha^s                                (equation 4, Task Focusing)
        w[e,t] = exp(n[e,t] / tau) / sum over t of exp(...)      (equation 5, Gradient Magnitude Balancing)
        c[e]   = sum over t of w[e,t] g[e,t]                     (equation 6)

    The task with the longest gradient has the largest weight. A task that does not touch e has the norm 0, and takes its share
    of the softmax with a gradient of zero. What tau does depends on the length of gradients, and so on how losses are reduced.

    g[e,t] is taken with respect to the embeddings; behind an encoder (``lightgcn``, ``ngcf``) these are its output, where the
    paper has the table (ours). The options below ``tau`` are further deviations (ours), off by default.

    Args:
        tasks: Task names, main task first.
        tables: Node type -> number of nodes.
        alpha: Base of Task Focusing; >= 1. 1: no Task Focusing.
        tau: Temperature of the softmax; >= 1e-30. Large: equal weights. Small: the task with the longest gradient alone.
        granularity: What shares one set of weights: ``"entity"``: each user or item; ``"table"``: all users, all items, ...;
            ``"global"``: all rows (no personalisation).
        mask_absent: Whether tasks that did not touch e are left out of its softmax.
        comparable_norms: Whether the norms are divided by their mean over the tasks that touched e, before Task Focusing.
        weights: How norms n become weights: ``"softmax"`` as above; ``"inverse"``: in proportion to 1 / n, that of the main
            task times alpha^s; ``"uniform"``: as if all norms were alike (no Gradient Magnitude Balancing): alpha^s to 1.
        focus: What s is: ``"epoch"``, its number; ``"share"``: 100 times the share of the training that is completed.

    Raises:
        ValueError: If ``alpha`` or ``tau`` is out of range.
    """

    scale_equivariant = False
    ignores_absent_tasks = False

    main_weights: Tensor
    settled: Tensor

    def __init__(
        self,
        tasks: Sequence[str],
        tables: Mapping[str, int],
        *,
        alpha: float = 1.2,
        tau: float = 0.1,
        granularity: Granularity = "entity",
        mask_absent: bool = False,
        comparable_norms: bool = False,
        weights: Literal["softmax", "inverse", "uniform"] = "softmax",
        focus: Literal["epoch", "share"] = "epoch",
    ) -> None:
        super().__init__(tasks, tables)
        if not alpha >= 1:
            raise ValueError(f"alpha must be >= 1, found {alpha}")
        if not tau >= _SMALLEST:
            raise ValueError(f"tau must be >= {_SMALLEST:g}, found {tau}")
        self.alpha, self.tau, self.granularity = alpha, tau, granularity
        self.mask_absent, self.comparable_norms, self.weights, self.focus = mask_absent, comparable_norms, weights, focus
        self.register_buffer("main_weights", torch.zeros(2))  # their sum over the steps of an epoch, and the number of steps
        self.register_buffer("settled", torch.tensor(alpha == 1))

    def forward(self, gradients: RowGradients, step: Step) -> Combined:
        """Combine the gradients as the class describes."""
        groups = Groups(gradients, self.granularity, len(self.tables))
        norms = groups.norms()  # equation 3
        if self.comparable_norms:
            mean = reduce(torch.add, norms) / groups.present.sum(dim=0)
            norms = norms / mean.where(mean > 0, 1.0)
        weights = self._balance(norms, self._focus_at(step), groups.present)
        main = groups.present[0].to(weights.dtype)
        self.main_weights[0] += (weights[0] * main).sum() / main.sum()
        self.main_weights[1] += 1
        return weighted_sum(gradients, groups.to_rows(weights))  # equation 6

    def is_settled(self) -> bool:
        """Whether in this epoch or an earlier one the main task had nine tenths of the weight, on average over its rows."""
        total, n_steps = self.main_weights.tolist()
        self.main_weights.zero_()
        if n_steps and total / n_steps >= _FOCUSED:
            self.settled.fill_(value=True)
        return bool(self.settled)

    def _focus_at(self, step: Step) -> float:
        """alpha^s, kept finite."""
        s = step.epoch if self.focus == "epoch" else 100 * step.progress
        return math.exp(min(s * math.log(self.alpha), math.log(_LARGEST)))

    def _balance(self, norms: Tensor, focus: float, present: Tensor) -> Tensor:
        """Weights ``[n_tasks, n_groups]``; the sum over the tasks is 1."""
        factor = torch.ones_like(norms)
        factor[0] = focus
        if self.weights == "softmax":
            norms = norms * factor  # equation 4
            # Equation 5, written out, because torch.softmax is slow over so few numbers and, over the first dimension, its last
            # bits depend on the number of threads.
            exponents = norms.div(self.tau).clamp_(max=_LARGEST)
            shares = (exponents - reduce(torch.maximum, exponents)).exp_()
        elif self.weights == "inverse":
            shortest = reduce(torch.minimum, norms.where(norms > 0, torch.inf))
            shares = factor * torch.where(norms > 0, shortest / norms, 1.0)
        else:
            shares = factor
        if self.mask_absent:
            shares = shares * present
        total: Tensor = reduce(torch.add, shares)
        balanced: Tensor = shares / total.where(total > 0, 1.0)
        return balanced
