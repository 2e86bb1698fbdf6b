"""The loop of an exact solver, read from top to bottom: a rule's weights go into the normal equations."""

import time
from collections.abc import Iterator
from functools import partial

import torch
from torch import Tensor

from pipeline.combiners.base import Combiner, RowGradients, Step
from pipeline.data.relation import ITEM, USER
from pipeline.errors import DivergedError
from pipeline.seeding import torch_generator
from pipeline.solvers.base import Solver
from pipeline.training.checkpoint import Checkpoints
from pipeline.training.epoch import Epoch
from pipeline.training.loop_state import SweepState
from pipeline.training.telemetry import Telemetry
from pipeline.training.validation import Validation

__all__ = ["train_sweeps"]


def train_sweeps(
    solver: Solver,
    combiner: Combiner,
    validation: Validation,
    seed: int,
    stop_after: int | None = None,
    checkpoints: Checkpoints | None = None,
) -> Iterator[Epoch]:
    """Train, one sweep over the node types per iteration; when the iterator ends, ``solver`` holds the best sweep's table.

    A sweep is an epoch of the rule. Nothing stops it early: a solver needs few sweeps, and the best of them is kept.

    Args:
        solver: Of the tasks.
        combiner: Gives their weights.
        validation: Says which sweep is the best.
        seed: Of rules that draw random numbers.
        stop_after: The last sweep, if that is before the solver's own number.
        checkpoints: Where the state of the loop is saved; the first sweep is the one after those that are there already.

    Raises:
        DivergedError: If the rule gives a weight that is negative or not finite, or a solution is not finite.
    """
    nodes, device = solver.nodes, solver.table.device
    telemetry = Telemetry(solver.tasks, nodes, validation.seen.lengths(), device)
    kinds = [kind for kind in nodes.sizes if kind != ITEM] + [ITEM]  # what is validated fits what was solved last
    state = SweepState(solver, combiner)
    if checkpoints is not None:
        checkpoints.part("sweeps", state)
    for number in range(state.sweep + 1, min(solver.sweeps, stop_after or solver.sweeps) + 1):
        started = time.perf_counter()
        telemetry.begin(number)
        generator = torch_generator(seed, "rule", number)
        losses = solver.losses()
        for place, kind in enumerate(kinds):
            values, present = solver.gradients(kind)
            rows = torch.arange(nodes.sizes[kind], device=device) + nodes.offset(kind)
            tables = torch.full_like(rows, list(nodes.sizes).index(kind))
            gradients = RowGradients(rows, tables, values, present)
            progress = ((number - 1) * len(kinds) + place) / max(solver.sweeps * len(kinds) - 1, 1)
            combined = combiner(gradients, Step(progress, number, losses.to(values), generator))
            solver.solve(kind, _checked(combined.weights, kind, number))
            combiner.after_step(partial(_losses, solver, values))
            telemetry.observe(0, gradients, combined)
        seconds = time.perf_counter() - started
        valid_ndcg = validation.ndcg({kind: solver.of(kind) for kind in (USER, ITEM)})
        if validation.is_empty or valid_ndcg > state.best:
            state.best, state.table = valid_ndcg, solver.table.clone()
        state.sweep = number
        of_tasks = dict(zip(solver.tasks, losses.tolist(), strict=True))
        shown, kept = telemetry.end_epoch(), telemetry.weights.end_epoch()
        yield Epoch(number, of_tasks, shown, valid_ndcg, combiner.is_settled(), seconds, kept)
    solver.table.copy_(state.table)


def _checked(weights: Tensor | None, kind: str, number: int) -> Tensor:
    """The weights of a rule, if they are such that the equations have a solution."""
    if weights is None or not (weights.isfinite() & (weights >= 0)).all():
        problem = f"sweep {number}: the rule gives {kind} a weight that is negative or not finite"
        raise DivergedError(f"training: {problem}. Fix: use another rule, or train by gradients")
    return weights


def _losses(solver: Solver, like: Tensor) -> Tensor:
    return solver.losses().to(like)
