"""A relative of PMTRec (ours): weights from the inverse of the gradients' norms, and side tasks that fade over the training."""

import math
from collections.abc import Mapping, Sequence
from functools import reduce
from typing import Literal

import torch
from torch import Tensor

from pipeline.combiners._groups import Granularity, Groups, n_states, running_mean
from pipeline.combiners.base import Combined, Combiner, RowGradients, Step, weighted_sum
from pipeline.kernels import compiling
from pipeline.kernels import pmtrec_inverse as kernel

__all__ = ["PMTRecInverse"]

_STEEPNESS = 5.0  # of the exponential schedule: halfway through, it has covered e^-2.5, 8% of the change
_SCALE_DECAY = 0.99
_FORMS = {
    "inverse": kernel.INVERSE,
    "softmax": kernel.SOFTMAX,
    "proportional": kernel.PROPORTIONAL,
    "uniform": kernel.UNIFORM,
}


class PMTRecInverse(Combiner):
    """Weights from the inverse of gradient norms, per entity (ours): the opposite sign of ``pmtrec``.

    For entity e and task t in A(e), the tasks that touched e in this step, at progress s in [0, 1]::

        n[e,t] = ||g[e,t]||_2                                         (norm_decay > 0: its running mean)
        m[e,t] = n[e,t] / mean of n[e,.] over A(e)                    (scale)
        w[e,t] = (1 / m[e,t]) / sum over A(e) of 1 / m[e,t]           (weights; GMB)
        w[e,t] = (1 - l(s)) w[e,t] + l(s) 1[t = main]                 (focus; TF)
        c[e]   = |A(e)| * sum over A(e) of w[e,t] g[e,t]              (length)

    The factor |A(e)| keeps the length of the plain sum: with uniform weights c[e] is the equal-weights gradient.

    The task with the *shortest* gradient gets the largest weight, so that each contributes about equally. Of the forms of
    ``weights`` the inverse was the best on the validation sets of LastFM, Yelp and Amazon. Under optimisers that are invariant
    to the scale of a row's gradients (Adam, Adagrad) only the mix of directions matters.

    Args:
        tasks: Task names, main task first.
        tables: Node type -> number of nodes.
        granularity: What shares one set of weights: ``"entity"``: each user or item; ``"table"``: all users, all items, ...;
            ``"global"``: all rows (no personalisation).
        scale: How norms are made comparable: ``"row"``: divided by their mean over the entity's tasks; ``"running"``: divided
            by the task's running mean in the table; ``"none"``: unchanged.
        weights: How comparable norms m become weights: ``"inverse"`` as above, ``"softmax"`` of m / temperature,
            ``"proportional"`` m / sum m, ``"uniform"`` 1 / |A| (no GMB).
        temperature: Softmax temperature; > 0. Large: nearly uniform weights. Small: the longest gradient dominates.
        norm_decay: Decay rate of the running mean of an entity's norms, in [0, 1); 0: only this step's norms.
        length: Length of c[e]: ``"keep"``: as above; ``"mean"``: without the factor |A(e)|; ``"main"``: that of the main task's
            gradient, where the main task touched e.
        relax: Interpolation factor towards the length of ``"main"``, in [0, 1].
        focus: ``"convex"`` as above; ``"logit"`` divides the main task's weight by 1 - l(s) before the weights are
            normalised to sum to 1; ``"none"`` (no TF).
        schedule: How l grows from 0 to ``focus_end``: ``"linear"``, ``"cosine"``, ``"exponential"`` (late), ``"step"`` (all at
            once, when the warm-up is over).
        warm_up: Fraction of training with l = 0; in [0, 1).
        focus_end: l(1), in [0, 1].
        without_main: Weights of an entity that the main task did not touch: ``"fade"``: they sum to 1 - l(s); ``"keep"``: they
            sum to 1.
        exchanged: A control: entities of the same table touched by the same tasks exchange their GMB weights at random. The
            resulting loss in quality is what personal weights contribute.

    Raises:
        ValueError: If an option is out of range.
    """

    norms: Tensor
    scales: Tensor
    progress: Tensor

    def __init__(
        self,
        tasks: Sequence[str],
        tables: Mapping[str, int],
        *,
        granularity: Granularity = "entity",
        scale: Literal["row", "running", "none"] = "row",
        weights: Literal["inverse", "softmax", "proportional", "uniform"] = "inverse",
        temperature: float = 0.5,
        norm_decay: float = 0.0,
        length: Literal["keep", "mean", "main"] = "keep",
        relax: float = 1.0,
        focus: Literal["convex", "logit", "none"] = "convex",
        schedule: Literal["linear", "cosine", "exponential", "step"] = "linear",
        warm_up: float = 0.0,
        focus_end: float = 1.0,
        without_main: Literal["fade", "keep"] = "fade",
        exchanged: bool = False,
    ) -> None:
        super().__init__(tasks, tables)
        if not temperature > 0:
            raise ValueError(f"temperature must be > 0, found {temperature}")
        for name, value in (("norm_decay", norm_decay), ("warm_up", warm_up)):
            if not 0 <= value < 1:
                raise ValueError(f"{name} must be in [0, 1), found {value}")
        for name, value in (("relax", relax), ("focus_end", focus_end)):
            if not 0 <= value <= 1:
                raise ValueError(f"{name} must be in [0, 1], found {value}")
        self.granularity, self.scale, self.weights, self.temperature = granularity, scale, weights, temperature
        self.norm_decay, self.length, self.relax = norm_decay, length, relax
        self.focus, self.schedule, self.warm_up, self.focus_end = focus, schedule, warm_up, focus_end
        self.without_main, self.exchanged = without_main, exchanged
        self.register_buffer("progress", torch.zeros((), dtype=torch.float64))
        self.register_buffer("norms", torch.zeros(len(tasks), n_states(granularity, tables) if norm_decay else 0))
        self.register_buffer("scales", torch.zeros(len(tasks), len(tables)))

    def forward(self, gradients: RowGradients, step: Step) -> Combined:
        """Combine the gradients as the class describes."""
        self.progress.fill_(step.progress)
        plain = not (self.norm_decay or self.exchanged) and self.scale != "running" and self.length != "main"
        if plain and self.granularity == "entity" and compiling.is_compiled_for(gradients.values):
            return self._in_one_pass(gradients, self.focus_at(step.progress))
        groups = Groups(gradients, self.granularity, len(self.tables))
        weights = self._balance(self._comparable_norms(groups), groups.present)
        if self.exchanged:
            weights = weights[:, _exchange(groups, step.generator)]
        weights = self._focus(weights, groups.present[0], self.focus_at(step.progress))
        if self.length != "mean":
            weights = weights * groups.present.sum(dim=0)  # |A(e)|
        combined = weighted_sum(gradients, groups.to_rows(weights))
        return _with_length_of_main(gradients, combined, self.relax) if self.length == "main" else combined

    def is_settled(self) -> bool:
        """Whether l(s) has arrived at ``focus_end``: with a schedule that grows to the end, not before it."""
        return self.focus == "none" or self.focus_at(float(self.progress)) >= self.focus_end

    def focus_at(self, progress: float) -> float:
        """l(s) of Task Focusing."""
        if self.focus == "none" or progress < self.warm_up:
            return 0.0
        s = (progress - self.warm_up) / (1 - self.warm_up)
        shape = {
            "linear": s,
            "cosine": (1 - math.cos(math.pi * s)) / 2,
            "exponential": math.expm1(_STEEPNESS * s) / math.expm1(_STEEPNESS),
            "step": 1.0,
        }
        return self.focus_end * shape[self.schedule]

    def _in_one_pass(self, gradients: RowGradients, focus: float) -> Combined:
        """Compiled equivalent, which costs little more than a sum."""
        values, weights = gradients.values, torch.empty_like(gradients.values[..., 0])
        total = torch.empty_like(values[0])
        kernel.pmtrec_inverse(
            values.numpy(),
            gradients.present.numpy(),
            _FORMS[self.weights],
            self.scale == "row",
            self.temperature,
            self.focus == "logit",
            focus,
            self.without_main == "fade",
            self.length == "keep",
            weights.numpy(),
            total.numpy(),
        )
        return Combined(total, weights)

    def _comparable_norms(self, groups: Groups) -> Tensor:
        """Comparable norms m ``[n_tasks, n_groups]``."""
        norms, present = groups.norms(), groups.present
        if self.norm_decay:
            norms = running_mean(self.norms, groups.states, norms.to(self.norms.dtype), present, self.norm_decay).to(norms)
            norms = norms * present
        if self.scale == "row":
            mean: Tensor = reduce(torch.add, norms) / present.sum(dim=0)
        elif self.scale == "running":
            shape = (len(self.tasks), len(self.tables))
            total = norms.new_zeros(shape).index_add_(1, groups.tables, norms)
            count = norms.new_zeros(shape).index_add_(1, groups.tables, present.to(norms.dtype))
            every = torch.arange(len(self.tables), device=norms.device)
            seen = (total / count.clamp(min=1)).to(self.scales.dtype)
            mean = running_mean(self.scales, every, seen, count > 0, _SCALE_DECAY).to(norms)[:, groups.tables]
        else:
            return norms
        # Gradients that are all zero have no meaningful ratios; any finite divisor gives them uniform weights.
        return norms / mean.where(mean > 0, 1.0)

    def _balance(self, norms: Tensor, present: Tensor) -> Tensor:
        """The weights of GMB ``[n_tasks, n_groups]``: they sum to 1 over A(e) and are zero elsewhere."""
        shares: Tensor = present.to(norms.dtype)
        if self.weights == "softmax":
            # Written out, because torch.softmax is slow over so few numbers and, over the first dimension, its last bits
            # depend on the number of threads. An absent task has norm 0, which does not affect the maximum.
            shares = ((norms - reduce(torch.maximum, norms)) / self.temperature).exp_().mul_(present)
        elif self.weights == "proportional":
            shares = norms.where(norms.sum(dim=0) > 0, shares)
        elif self.weights == "inverse":
            # The shortest gets 1, the others their fraction of it; a zero gradient contributes nothing, whatever its weight.
            shortest = reduce(torch.minimum, norms.where(norms > 0, torch.inf))
            shares = torch.where(norms > 0, shortest / norms, shares)
        total: Tensor = reduce(torch.add, shares)
        return shares / total

    def _focus(self, weights: Tensor, main: Tensor, focus: float) -> Tensor:
        """Apply TF; ``main`` ``[n_groups]`` marks the groups that the main task touched."""
        if focus == 0:
            return weights
        side = (1 - focus) * weights[1:]
        if self.focus == "convex":
            first = torch.where(main, (1 - focus) * weights[0] + focus, 0.0)
        else:
            total = weights[0] + side.sum(dim=0)
            # If all weight was on side tasks and the focus is full, none is left: the main task then gets all of it.
            first = torch.where(total > 0, weights[0] / total, main.to(total.dtype))
            side = side / total.where(total > 0, 1.0)
        if not (self.focus == "convex" and self.without_main == "fade"):
            side = torch.where(main, side, weights[1:] * ((1 - focus) if self.without_main == "fade" else 1.0))
        return torch.cat([first.unsqueeze(0), side])


def _exchange(groups: Groups, generator: torch.Generator) -> Tensor:
    """Random permutation ``[n_groups]`` of the groups, within those of the same table touched by the same tasks."""
    kind = groups.tables
    for present in groups.present:
        kind = 2 * kind + present
    shuffled = torch.randperm(kind.numel(), generator=generator).to(kind.device)
    other = torch.empty_like(shuffled)
    other[torch.argsort(kind, stable=True)] = shuffled[torch.argsort(kind[shuffled], stable=True)]
    return other


def _with_length_of_main(gradients: RowGradients, combined: Combined, relax: float) -> Combined:
    """Scale c by (1 - relax) + relax |g[main]| / |c| in the rows that the main task touched."""
    length = torch.linalg.vector_norm(combined.values, dim=1)
    main = torch.linalg.vector_norm(gradients.values[0], dim=1)
    factor = torch.where(gradients.present[0] & (length > 0), 1 - relax + relax * main / length.where(length > 0, 1.0), 1.0)
    assert combined.weights is not None  # noqa: S101  # of a weighted sum
    return Combined(combined.values * factor.unsqueeze(1), combined.weights * factor)
