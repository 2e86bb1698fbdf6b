"""iALS over any number of relations, and with what users and items are linked with: one node type after the other."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from pipeline.data.links import describing
from pipeline.data.relation import ITEM, USER, NodeTypes, Relation
from pipeline.data.task_data import TaskData
from pipeline.errors import DivergedError
from pipeline.memory import refuse_too_large
from pipeline.seeding import torch_generator
from pipeline.solvers._attributes import Predictor
from pipeline.solvers._normal_equations import Side, residuals, scores, solutions
from pipeline.solvers.base import Machine, Solver

__all__ = ["IALS"]

_UNOBSERVED = 150.0
_TINY, _SMALL, _LARGE = 1e-12, 1e-3, 1e12
_MOST, _MOST_EXPONENT = 10_000, 4


@dataclass(frozen=True, eq=False)
class _Predicted:
    """A node type whose embeddings are predicted.

    Attributes:
        task: Number of the task.
        predict: From the embeddings.
        ridge: Weight of the squared difference for every node ``[n_nodes]``.
    """

    task: int
    predict: Callable[[Tensor], Tensor]
    ridge: Tensor


class IALS(Solver):
    """Implicit ALS (Hu et al., ICDM 2008; as tuned by Rendle et al., RecSys 2022) over any number of relations.

    The loss of a relation with the observed pairs S between N heads x and M tails y::

        sum over (h, v) in S of (x[h] y[v] - 1)^2 + a * sum over all h, v of (x[h] y[v])^2
          + l * sum over h of (n[h] + a M)^p |x[h]|^2 + l * sum over v of (n[v] + a N)^p |y[v]|^2

    a is ``unobserved_weight``, l ``regularization``, p ``exponent``, and n counts the observed pairs of a node: the
    regularisation is scaled by frequency. With the main task alone this is iALS; with further tasks of fixed weights it is
    collective matrix factorisation (Singh and Gordon, KDD 2008); a combination rule gives weights per task and entity.

    A relation within one node type (friends, items viewed together) has a table of its own for its tails, ``<task> context``:
    a loss is quadratic in a row only if the row does not meet itself, and two solutions with each other's old values oscillate.

    What users or items are linked with can also predict their embeddings, as the tasks ``user_attributes`` and
    ``item_attributes`` (ours; in the spirit of collaborative topic regression, Wang and Blei, KDD 2011). With P of
    ``_attributes.Predictor``, the loss of a row e is::

        s l (n[e] + a M)^p |x[e] - (P X)[e]|^2

    n[e] being the number of interactions of e, M that of the nodes at their other end and s the strength: as the penalty of the
    main task, but towards what the links say instead of towards zero. A node without links is predicted as zero, and so are
    all of a node type that nothing describes: their penalty is l (1 + s). P X is of the rows before they are solved for, and
    the gradient is that of a row with P X held: what a row does to the predictions of the others is left out.

    Args:
        tasks, seed, machine: See the base class.
        dim: Length of an embedding.
        unobserved_weight: Weight of all pairs, that of an observed one being 1 more. ``None``: 150 over the root of the number
            of users times that of items, which is near the best on catalogues of very different sizes (ours).
        regularization: L2 penalty.
        exponent: How the penalty grows with a node's number of pairs; 0: not at all.
        factorise: Whether side relations are factorised, as tasks of their own names.
        user_attributes: Strength of the prediction of users, as a multiple of ``regularization``; 0: there is no such task.
        item_attributes: That of items.
        attribute_ridge: L2 penalty of the regression on the links.
        attribute_exponent: As ``exponent``, for the strength of the predictions, whose mean over the nodes stays; 0: every node
            has the same, whatever its history. ``None``: the same as ``exponent``.
        sweeps: Passes over the node types; the one with the best validation is kept.
        init_std: Standard deviation of the initial embeddings, times the root of ``dim``.

    Raises:
        ValueError: If an option is out of range.
    """

    def __init__(
        self,
        tasks: Sequence[TaskData],
        seed: int,
        machine: Machine,
        *,
        dim: int = 128,
        unobserved_weight: float | None = None,
        regularization: float = 0.02,
        exponent: float = 1.0,
        factorise: bool = True,
        user_attributes: float = 0.0,
        item_attributes: float = 0.0,
        attribute_ridge: float = 0.5,
        attribute_exponent: float | None = None,
        sweeps: int = 12,
        init_std: float = 0.1,
    ) -> None:
        strengths = {USER: user_attributes, ITEM: item_attributes}
        _check(1, _MOST, dim=dim, sweeps=sweeps)
        relations = [task.relation for task in tasks if task.relation is not None]
        # Tasks on the main task's own pairs (ratings, uniformity) would count them twice.
        linked = relations[:1] + [one for one in relations[1:] if {one.head_type, one.tail_type} != {USER, ITEM}]
        if unobserved_weight is None:
            unobserved_weight = _UNOBSERVED / (linked[0].n_heads * linked[0].n_tails) ** 0.5
        _check(_TINY, _LARGE, unobserved_weight=unobserved_weight, regularization=regularization)
        _check(_SMALL, _LARGE, attribute_ridge=attribute_ridge, init_std=init_std)
        _check(0, _LARGE, **{f"{kind}_attributes": strength for kind, strength in strengths.items()})
        _check(0, _MOST_EXPONENT, exponent=exponent, attribute_exponent=attribute_exponent or 0.0)
        self.sweeps = sweeps
        self._machine = machine
        self._unobserved, self._regularization, self._exponent = unobserved_weight, regularization, exponent
        factorised = [_once(relation) for relation in (linked if factorise else linked[:1])]
        self.tasks = [relation.name for relation in factorised]
        self._relations = factorised
        self.nodes = NodeTypes.of(factorised)
        self._sides: dict[str, list[Side]] = {kind: [] for kind in self.nodes.sizes}
        for task, relation in enumerate(factorised):
            ends = (relation.head_type, relation.heads), (relation.tail_type, relation.tails)
            for (here, own), (there, others) in (ends, ends[::-1]):
                counts = np.bincount(own, minlength=self.nodes.sizes[here])
                penalty = regularization * (counts + unobserved_weight * self.nodes.sizes[there]) ** exponent
                side = Side(
                    task,
                    there,
                    self._put(others[np.argsort(own, kind="stable")] + self.nodes.offset(there)),
                    self._put(np.concatenate([[0], np.cumsum(counts)])),
                    self._put(penalty, machine.dtype),
                )
                self._sides[here].append(side)
        self._predicted: dict[str, _Predicted] = {}
        for kind, strength in strengths.items():
            of_kind = describing(kind, linked[1:])
            if strength:
                main = self._sides[kind][0]
                ridge = main.ridge
                if attribute_exponent is not None:
                    mass = main.offsets.diff() + unobserved_weight * self.nodes.sizes[main.other]
                    scaled = mass.to(machine.dtype) ** attribute_exponent
                    ridge = scaled * (ridge.mean() / scaled.mean())
                predict: Callable[[Tensor], Tensor] = torch.zeros_like
                if of_kind:
                    predict = Predictor(kind, of_kind, self.nodes.sizes[kind], attribute_ridge, machine)
                else:
                    self.remarks = (*self.remarks, f"nothing describes a {kind}: {kind}_attributes predicts zeros")
                self._predicted[kind] = _Predicted(len(self.tasks), predict, strength * ridge)
                self.tasks.append(f"{kind}_attributes")
        n_floats = self.nodes.n_rows * dim * (len(self.tasks) + 4)
        refuse_too_large(f"{self.nodes.n_rows:,} embeddings of {dim} numbers", 4.0 * n_floats, "lower dim")
        generator = torch_generator(seed, "initial")
        initial = [torch.randn(n, dim, generator=generator, dtype=torch.float64) for n in self.nodes.sizes.values()]
        self.table = (torch.cat(initial) * (init_std / dim**0.5)).to(machine.dtype).to(machine.device)

    def degrees(self) -> Tensor:
        """See the base class; predicted embeddings have no pairs."""
        found = self.nodes.degrees([*self._relations, *[None] * len(self._predicted)])
        return torch.from_numpy(found).to(self._machine.device)

    def gradients(self, node_type: str) -> tuple[Tensor, Tensor]:
        """See the base class."""
        own = self.of(node_type)
        values = own.new_zeros(len(self.tasks), *own.shape)
        present = torch.zeros(len(self.tasks), len(own), dtype=torch.bool, device=own.device)
        for side in self._sides[node_type]:
            total = values[side.task]
            torch.addmm(own * side.ridge.unsqueeze(1), own, self._gram(side), out=total)
            residuals(own, self.table, side, total, self._machine.threads)
            present[side.task] = True
        if predicted := self._predicted.get(node_type):
            values[predicted.task] = predicted.ridge.unsqueeze(1) * (own - predicted.predict(own))
            present[predicted.task] = True
        return values, present

    def solve(self, node_type: str, weights: Tensor) -> None:
        """See the base class."""
        sides = self._sides[node_type]
        chosen = weights[[side.task for side in sides]].to(self.table.dtype).contiguous()
        ridge = (chosen * torch.stack([side.ridge for side in sides])).sum(dim=0)
        grams = torch.stack([self._gram(side) for side in sides])
        own = self.of(node_type)
        right = torch.zeros_like(own)
        if predicted := self._predicted.get(node_type):
            strength = weights[predicted.task].to(ridge) * predicted.ridge
            right += strength.unsqueeze(1) * predicted.predict(own)
            ridge = ridge + strength
        solved = solutions(self.table, sides, chosen, grams, ridge, right, self._machine.threads)
        own.copy_(torch.where((ridge > 0).unsqueeze(1), solved, own))
        if not own.isfinite().all():
            where = f"training: {node_type}: the normal equations have no finite solution"
            raise DivergedError(f"{where}. Fix: raise regularization, unobserved_weight or attribute_ridge, or lower exponent")

    def losses(self) -> Tensor:
        """See the base class."""
        found = torch.zeros(len(self.tasks), dtype=torch.float64)
        for kind, sides in self._sides.items():
            for side in sides:
                own, task = self.of(kind), side.task
                found[task] += float((side.ridge * own.square().sum(dim=1)).sum())
                if self._is_head(kind, side):
                    found[task] += float((scores(own, self.table, side) - 1).square().sum())
                    found[task] += float((self._gram(side) * (own.T @ own)).sum())
        for kind, predicted in self._predicted.items():
            off = self.of(kind) - predicted.predict(self.of(kind))
            found[predicted.task] = float((predicted.ridge * off.square().sum(dim=1)).sum())
        return found

    def fold_in(self) -> Tensor:
        """Of the main task; a new user has no links, so that what they predict is zero."""
        users = self._predicted.get(USER)
        side = self._sides[USER][0]
        strength = float(users.ridge.sum() / side.ridge.sum()) if users else 0.0
        numbers = [self._unobserved, self._regularization * (1 + strength), self._exponent]
        return torch.tensor(numbers, dtype=torch.float64)

    def _is_head(self, kind: str, side: Side) -> bool:
        return kind == self._relations[side.task].head_type

    def _gram(self, side: Side) -> Tensor:
        """Weight of all pairs times Y'Y, of the node type at the other end."""
        other = self.of(side.other)
        return self._unobserved * (other.T @ other)

    def _put(self, values: npt.NDArray[np.number], dtype: torch.dtype | None = None) -> Tensor:
        tensor = torch.from_numpy(np.ascontiguousarray(values))
        return tensor.to(dtype or tensor.dtype).to(self._machine.device)


def _once(relation: Relation) -> Relation:
    """Each pair once; tails of the heads' own type as a type of their own."""
    heads, tails = np.divmod(np.unique(relation.heads * relation.n_tails + relation.tails), relation.n_tails)
    within = relation.head_type == relation.tail_type
    tail_type = f"{relation.name} context" if within else relation.tail_type  # no name of the user's own has a space
    return Relation(relation.name, relation.head_type, tail_type, heads, tails, relation.n_heads, relation.n_tails)


def _check(least: float, most: float, **options: float) -> None:
    """Refuse what is out of range."""
    for name, value in options.items():
        if not least <= value <= most:
            raise ValueError(f"{name} must be in {least:g}..{most:g}, found {value}")
