"""What a method learns from the tasks of a data set: the tables that rank, and how it got there."""

import inspect
import logging
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor

from pipeline import plugins
from pipeline.combiners.base import Combiner
from pipeline.data.relation import NodeTypes
from pipeline.data.split import Split
from pipeline.data.task_data import TaskData
from pipeline.errors import DivergedError
from pipeline.metric_names import VALIDATION_METRIC
from pipeline.ranking.fold_in import FOLD_IN
from pipeline.solvers.base import Machine, Solver
from pipeline.training.checkpoint import Checkpoints
from pipeline.training.components import PlugIn, build
from pipeline.training.device import make_deterministic, pick_device
from pipeline.training.epoch import Epoch
from pipeline.training.loop import train_epochs
from pipeline.training.sweeps import train_sweeps
from pipeline.training.validation import Validation
from pipeline.training.weight_trace import traced

__all__ = ["LEARN", "Learned", "learn", "learn_baseline", "learn_exactly"]

log = logging.getLogger(__name__)

Row = dict[str, float]


@dataclass(frozen=True, eq=False)
class Learned:
    """Result of training a method.

    Attributes:
        tables: See ``pipeline.ranking.scoring.Scoring.of``, with the tables of all other node types, if there are any.
        state: State of the rule and the tasks' own parameters.
        history: One row per epoch.
        weights: The tasks' weights for single users and items (see ``traced``).
        tasks: Names of the tasks that these are of.
    """

    tables: Mapping[str, Tensor]
    history: list[Row]
    state: Mapping[str, Tensor] = field(default_factory=dict)
    weights: Mapping[str, Tensor] = field(default_factory=dict)
    tasks: Sequence[str] = ()

    def best(self) -> Row:
        """The row of the epoch whose parameters were kept; without validation it is the last."""
        validated = [row for row in self.history if VALIDATION_METRIC in row]
        return max(validated, key=lambda row: row[VALIDATION_METRIC]) if validated else self.history[-1]


def learn(
    data: Sequence[TaskData],
    split: Split,
    seed: int,
    on_epoch: Callable[[Epoch], None],
    *,
    rule: PlugIn = ("pmtrec", {}),
    encoder: PlugIn = ("mf", {}),
    loss: PlugIn = ("sampled_softmax", {}),
    optimizer: PlugIn = ("adam", {}),
    dim: int = 64,
    lr: float = 5e-3,
    weight_decay: float = 0.0,
    batch_size: int = 2048,
    negatives: str = "uniform",
    epochs: int = 200,
    patience: int = 20,
    focus_epochs: int | None = 60,
    device: str = "auto",
    threads: int = 1,
    task_losses: Mapping[str, PlugIn] | None = None,
    from_batch: Collection[str] = (),
    stop_after: int | None = None,
    initial: Mapping[str, Tensor] | None = None,
    checkpoints: Checkpoints | None = None,
) -> Learned:
    """Train embeddings by a rule.

    Args:
        data: One per task, main task first.
        split: The interactions.
        seed: Seed of the initial embeddings and the samples.
        on_epoch: Called after each epoch; an exception that it raises stops training.
        rule: Name and options of the combination rule.
        encoder: Name and options.
        loss: Name and options, of every task that has none of its own.
        optimizer: Name and options.
        dim: Length of an embedding.
        lr: Learning rate.
        weight_decay: Every step shrinks the rows that it touches by the factor 1 - lr * weight_decay; ``dense_adam`` has it in
            the gradient of every row instead.
        batch_size: Examples per task and step.
        negatives: How tails are drawn that a head is not linked with.
        epochs: Maximum.
        focus_epochs: Over so many epochs the schedules of rules grow, however long the training is; ``None``: ``epochs``.
        patience: Epochs without a better NDCG@20 on validation before training stops; they count from when the rule has come to
            the main task, where it has a schedule.
        device: ``"auto"``, ``"cpu"``, ``"cuda"`` or ``"mps"``.
        threads: Number of threads of torch.
        task_losses: Task -> name and options of its own loss.
        from_batch: Side tasks whose examples are about the users and items of the main task's batch.
        stop_after: The last epoch, if that is before the maximum; the schedules are as if it went on.
        initial: Where to begin instead of at random (see ``Encoder.start_from``): a warm start.
        checkpoints: Where to go on, and what to go on from later; ``on_epoch`` is called for all epochs.
    """
    make_deterministic(threads)
    chosen = pick_device(device)
    log.info("training on %s; tasks: %s", chosen, ", ".join(task.name for task in data))
    components = build(
        data,
        seed,
        chosen,
        dim=dim,
        encoder=encoder,
        rule=rule,
        loss=loss,
        task_losses=task_losses,
        from_batch=from_batch,
        negatives=negatives,
    )
    components.encoder.start_from(initial or {})
    used = data if components.combiner.uses_side_tasks else data[:1]
    validation = Validation(split, data, used)
    checkpoints = checkpoints or Checkpoints()
    waited = False
    epochs_of_loop = train_epochs(
        components.encoder,
        components.combiner,
        components.tasks,
        validation,
        optimizer=optimizer[0],
        optimizer_options=optimizer[1],
        lr=lr,
        weight_decay=weight_decay,
        batch_size=batch_size,
        epochs=epochs,
        patience=patience,
        focus_epochs=focus_epochs,
        seed=seed,
        stop_after=stop_after,
        checkpoints=checkpoints,
    )
    with checkpoints.deferring():
        for epoch in checkpoints.all_of(epochs_of_loop, on_epoch):
            if waited and epoch.is_settled:
                log.info("epoch %d: %s has come to the main task; patience counts from here", epoch.number, rule[0])
            waited = not epoch.is_settled
    if waited and epochs > 1 and stop_after is None:
        what = "all %d epochs are over before %s has come to the main task. Fix: raise train.epochs, or quicken its schedule"
        log.warning(what, epochs, rule[0])
    tables = {**validation.served(components.tables()), **_fold_in(loss)}
    tasks = [task.name for task in components.tasks]
    return Learned(tables, *_told(checkpoints, components.state(), components.encoder.nodes), tasks)


def learn_exactly(
    data: Sequence[TaskData],
    split: Split,
    seed: int,
    on_epoch: Callable[[Epoch], None],
    *,
    solver: PlugIn = ("ials", {}),
    rule: PlugIn = ("single_task", {}),
    device: str = "cpu",
    threads: int = 1,
    stop_after: int | None = None,
    initial: Mapping[str, Tensor] | None = None,
    checkpoints: Checkpoints | None = None,
) -> Learned:
    """Solve for embeddings, where a rule gives the weights of the tasks' normal equations.

    Args:
        data: One per task, main task first.
        split: The interactions.
        seed: Seed of the initial embeddings.
        on_epoch: Called after each sweep; an exception that it raises stops training.
        solver: Name and options of the solver.
        rule: Name and options of the combination rule.
        device: ``"auto"``, ``"cpu"``, ``"cuda"`` or ``"mps"``.
        threads: On a CPU; they change nothing in the result.
        stop_after: The last sweep, if that is before the solver's own number.
        initial: Where to begin instead of at random (see ``Solver.start_from``).
        checkpoints: Where to go on, and what to go on from later; ``on_epoch`` is called for all sweeps.
    """
    make_deterministic(1)
    name, options = rule
    make_rule = plugins.load("combiners", name)
    chosen = pick_device(device)
    machine = Machine(torch.device("cpu") if chosen.type == "mps" else chosen, threads)  # MPS has no Cholesky in batches
    make_solver, used = plugins.load("solvers", solver[0]), data if make_rule.uses_side_tasks else data[:1]
    started = time.perf_counter()
    solves: Solver = make_solver(used, seed, machine, **solver[1])
    solves.start_from(initial or {})
    log.info("solving on %s; tasks: %s", machine.device, ", ".join(solves.tasks))
    for remark in solves.remarks:
        log.info(remark)
    combiner: Combiner = make_rule(solves.tasks, solves.nodes.sizes, **options).to(machine.device)
    combiner.set_degrees(solves.degrees())
    set_up = time.perf_counter() - started
    validation = Validation(split, data, used)
    checkpoints = checkpoints or Checkpoints()

    def with_set_up(epoch: Epoch) -> None:
        on_epoch(replace(epoch, seconds=epoch.seconds + (set_up if epoch.number == 1 else 0.0)))

    with checkpoints.deferring():
        for _ in checkpoints.all_of(train_sweeps(solves, combiner, validation, seed, stop_after, checkpoints), with_set_up):
            pass
    tables = {kind: solves.of(kind).cpu().clone() for kind in solves.nodes.sizes}
    state = {f"rule.{key}": value.cpu().contiguous() for key, value in combiner.state_dict().items()}
    fold_in = solves.fold_in()
    served = validation.served(tables) | ({} if fold_in is None else {FOLD_IN: fold_in})
    return Learned(served, *_told(checkpoints, state, solves.nodes), solves.tasks)


def learn_baseline(
    data: Sequence[TaskData], split: Split, seed: int, on_epoch: Callable[[Epoch], None], *, baseline: PlugIn
) -> Learned:
    """Fit a baseline; its history is one row, with its validation by the evaluator of all methods.

    Args:
        data: One per task, main task first; most baselines look at the main task alone.
        split: The interactions.
        seed: For what the baseline draws.
        on_epoch: Called once.
        baseline: The plug-in.
    """
    make_deterministic(1)
    name, options = baseline
    fit = plugins.load("baselines", name)
    started = time.perf_counter()
    tables = fit(data, seed, **options)
    seconds = time.perf_counter() - started
    if not all(table.isfinite().all() for table in tables.values()):
        raise DivergedError(f"training: {name} gives numbers that are not finite. Fix: change its options")
    validation = Validation(split, data)
    epoch = Epoch(1, {}, {}, validation.ndcg(tables), seconds=seconds)
    on_epoch(epoch)
    return Learned(validation.served(tables), [epoch.row()])


def _told(
    checkpoints: Checkpoints, state: Mapping[str, Tensor], nodes: NodeTypes
) -> tuple[list[Row], Mapping[str, Tensor], Mapping[str, Tensor]]:
    """History, state and weights of what was trained."""
    kept = {epoch.number: epoch.weights for epoch in checkpoints.epochs if epoch.weights is not None}
    return [epoch.row() for epoch in checkpoints.epochs], state, traced(kept, nodes)


def _fold_in(loss: PlugIn) -> dict[str, Tensor]:
    """By a softmax of the training's own temperature, where it was trained by one of cosines."""
    name, options = loss
    kind = plugins.load("losses", name)
    temperature = inspect.signature(kind).parameters.get("temperature")
    if temperature is None or not options.get("normalize", True):
        return {}
    return {FOLD_IN: torch.tensor([options.get("temperature", temperature.default)], dtype=torch.float64)}


LEARN: Mapping[str, Callable[..., Learned]] = {"combiners": learn, "solvers": learn_exactly, "baselines": learn_baseline}
"""Kind of a method -> how it learns; all take the data, the split, a seed and a function for what happens as an epoch ends."""
