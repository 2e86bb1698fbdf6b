"""The training loop, read from top to bottom."""

import math
import time
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor

from pipeline import plugins
from pipeline.combiners.base import Combiner, Step
from pipeline.data.examples import Examples
from pipeline.data.relation import ITEM, USER
from pipeline.encoders.base import Encoder
from pipeline.errors import DivergedError
from pipeline.losses.base import Loss
from pipeline.seeding import torch_generator
from pipeline.tasks.base import Draw
from pipeline.training.batches import Batch, batches
from pipeline.training.checkpoint import Checkpoints
from pipeline.training.epoch import Epoch
from pipeline.training.loop_state import LoopState, as_table
from pipeline.training.row_gradients import batch_losses, row_gradients
from pipeline.training.task import Task, steps
from pipeline.training.telemetry import Telemetry
from pipeline.training.validation import Validation

__all__ = ["train_epochs"]

_LARGEST = 1e8  # number in an embedding: four orders of magnitude beyond any that ranks
_PAIRS_AT_A_TIME = 2**18  # pairs whose embeddings are in memory at once


def train_epochs(
    encoder: Encoder,
    combiner: Combiner,
    tasks: Sequence[Task],
    validation: Validation,
    *,
    optimizer: str,
    lr: float,
    weight_decay: float,
    batch_size: int,
    epochs: int,
    patience: int,
    seed: int,
    focus_epochs: int | None = None,
    stop_after: int | None = None,
    optimizer_options: Mapping[str, Any] | None = None,
    checkpoints: Checkpoints | None = None,
) -> Iterator[Epoch]:
    """Train, one epoch per iteration; when the iterator ends, ``encoder`` holds the best epoch's parameters.

    An epoch passes once over the main task's examples. A side task draws as many per step as the main task does. The loop
    ends after ``patience`` epochs without a better validation NDCG@20 (see ``EarlyStopping``), or after ``epochs``. Without
    validation every epoch is the best so far.

    Args:
        encoder: Computes the embeddings; trained in place, on its current device.
        combiner: Combination rule.
        tasks: The main task first. Parameters of their losses, if any, are trained by torch's Adam with the same rate.
        validation: Says which epoch is the best.
        optimizer: File of pipeline/optimizers/.
        lr: Learning rate.
        weight_decay: Of the optimiser.
        batch_size: Examples per task and step.
        epochs: Maximum.
        patience: Epochs without improvement before training stops.
        seed: Of rules that draw random numbers.
        focus_epochs: Number of epochs over which schedules of rules grow; ``None``: ``epochs``.
        stop_after: The last epoch, if that is before the maximum; the schedules are as if it went on.
        optimizer_options: Keyword arguments of the optimiser.
        checkpoints: Where the state of the loop is saved; the first epoch is the one after those that are there already.

    Raises:
        DivergedError: If a loss or a gradient is not finite, naming task, epoch and batch, or a parameter is not.
    """
    device = next(encoder.parameters()).device
    tasks = tasks if combiner.uses_side_tasks else tasks[:1]
    losses = [task.loss for task in tasks]
    _set_proposals(tasks, device)
    nodes = encoder.nodes
    tables = torch.tensor([nodes.offset(kind) for kind in nodes.sizes], device=device)
    telemetry = Telemetry([task.name for task in tasks], nodes, validation.seen.lengths(), device)
    make_optimiser = partial(
        plugins.load("optimizers", optimizer), lr=lr, weight_decay=weight_decay, **(optimizer_options or {})
    )
    n_examples = tasks[0].sampler.n_examples
    n_steps = -(-n_examples // batch_size)
    last_step = max((focus_epochs or epochs) * n_steps - 1, 1)  # of the schedules
    state = LoopState.of(encoder, combiner, losses, make_optimiser, lr, patience)
    if checkpoints is not None:
        checkpoints.part("loop", state)
    last = min(epochs, stop_after or epochs)

    while state.epoch < last and not state.is_over:
        number = state.epoch + 1
        started = time.perf_counter()
        telemetry.begin(number)
        samples = _samples(tasks, number, n_examples, batch_size, encoder)
        encoder.train()
        generator = torch_generator(seed, "rule", number)
        found = torch.zeros(n_steps, len(tasks), device=device)
        for step, on_cpu in enumerate(batches(steps(tasks, samples, n_examples, batch_size), nodes.n_rows)):
            batch = on_cpu.to(device)
            encoded = encoder.encode(batch.rows)
            gradients, found[step] = row_gradients(encoded, tables, batch, losses)
            progress = min(((number - 1) * n_steps + step) / last_step, 1.0)
            try:
                combined = combiner(gradients, Step(progress, number, found[step], generator))
            except Exception:
                _check_finite(found, encoder, tasks, number)  # a solver inside a rule may reject NaN before the epoch ends
                raise
            for parameter, rows, gradient in encoder.gradients(batch.rows, encoded, combined.values):
                state.optimisers[parameter].step(rows, as_table(gradient))
            if state.own_optimiser is not None:
                state.own_optimiser.step()
            combiner.after_step(partial(_losses_now, encoder, batch, losses))
            telemetry.observe(step, gradients, combined)
        _check_finite(found, encoder, tasks, number)
        seconds = time.perf_counter() - started

        valid_ndcg = _validated(encoder, losses[0], validation)
        if validation.is_empty or state.stopping.is_best(number, valid_ndcg):
            state.best = {name: value.clone() for name, value in encoder.state_dict().items()}
        mean_losses = {task.name: value for task, value in zip(tasks, found.mean(0).tolist(), strict=True)}
        shown, weights = telemetry.end_epoch(), telemetry.weights.end_epoch()
        is_settled = combiner.is_settled()
        state.epoch = number
        state.is_over = not validation.is_empty and state.stopping.is_over(number, is_settled=is_settled)
        yield Epoch(number, mean_losses, shown, valid_ndcg, is_settled, seconds, weights)
    encoder.load_state_dict(state.best)


@torch.no_grad()
def _validated(encoder: Encoder, main: Loss, validation: Validation) -> float:
    encoder.eval()
    embeddings = encoder()
    return validation.ndcg({USER: embeddings.users, ITEM: main.scoring_vectors(embeddings.items)})


def _set_proposals(tasks: Sequence[Task], device: torch.device) -> None:
    for task in tasks:
        q = task.sampler.proposal
        task.loss.set_proposal(None if q is None else torch.from_numpy(q).to(device, torch.float32))


def _samples(tasks: Sequence[Task], epoch: int, n: int, batch_size: int, encoder: Encoder) -> list[Examples]:
    """The examples of every task in one epoch."""
    main = tasks[0].sample(Draw(epoch, n, None, partial(_score, encoder, tasks[0]), batch_size))
    draws = [Draw(epoch, n, main, partial(_score, encoder, task), batch_size) for task in tasks[1:]]
    return [main, *(task.sample(draw) for task, draw in zip(tasks[1:], draws, strict=True))]


@torch.no_grad()
def _score(encoder: Encoder, task: Task, heads: Tensor, tails: Tensor) -> Tensor:
    """Current scores of (head, tail) pairs of the task's relation, as its loss ranks them ``[n]``, on the CPU."""
    relation = task.sampler.task.relation
    if relation is None:
        raise ValueError(f"{task.name}: has no pairs to score")
    encoder.eval()  # no edge dropout, which would differ between calls
    embeddings = encoder()
    one, two = embeddings.table(relation.head_type), task.loss.scoring_vectors(embeddings.table(relation.tail_type))
    parts = zip(torch.split(heads, _PAIRS_AT_A_TIME), torch.split(tails, _PAIRS_AT_A_TIME), strict=True)
    return torch.cat([(one[h.to(one.device)] * two[t.to(two.device)]).sum(dim=1).cpu() for h, t in parts])


@torch.no_grad()
def _losses_now(encoder: Encoder, batch: Batch, losses: Sequence[Loss]) -> Tensor:
    """The tasks' losses on a batch after its update ``[n_tasks]``."""
    return batch_losses(encoder.encode(batch.rows), batch, losses)


def _check_finite(losses: Tensor, encoder: Encoder, tasks: Sequence[Task], epoch: int) -> None:
    """One look per epoch at ``losses`` ``[n_steps, n_tasks]`` and the encoder, so that a GPU need not wait in every step."""
    wrong = (~losses.isfinite()).nonzero()
    if wrong.numel():
        step, task = wrong[0].tolist()
        place = f"{tasks[task].name}, epoch {epoch}, batch {step + 1}"
        raise DivergedError(f"training: the loss of {place} is {losses[step, task].item()}. Fix: lower train.lr")
    largest = float(torch.stack([parameter.detach().abs().max() for parameter in encoder.parameters()]).max())  # NaN, if any is
    if not largest < _LARGEST:  # cosines stay finite whatever the length is
        problem = f"embeddings have grown to {largest:.0e}" if math.isfinite(largest) else "embeddings are not finite"
        raise DivergedError(f"training: {problem} after epoch {epoch}. Fix: lower train.lr")
