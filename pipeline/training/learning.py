"""What a method learns from the tasks of a data set: the tables that rank, and how it got there."""

import logging
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field

from torch import Tensor

from pipeline import plugins
from pipeline.data.split import Split
from pipeline.data.task_data import TaskData
from pipeline.evaluation.evaluator import per_user, rank
from pipeline.metric_names import VALIDATION_CUTOFF, VALIDATION_METRIC
from pipeline.metrics.ndcg import ndcg
from pipeline.ranking.top_k import ItemLists, ranking_tables
from pipeline.training.components import PlugIn, build
from pipeline.training.device import make_deterministic, pick_device
from pipeline.training.loop import Epoch, train_epochs

__all__ = ["Learned", "learn", "learn_baseline"]

log = logging.getLogger(__name__)

Row = dict[str, float]


@dataclass(frozen=True, eq=False)
class Learned:
    """Result of training a method.

    Attributes:
        tables: See ``pipeline.ranking.top_k.ranking_tables``; gradient-based methods add the tables of the other node types.
        state: State of the rule and the tasks' own parameters.
        history: One row per epoch.
    """

    tables: Mapping[str, Tensor]
    history: list[Row]
    state: Mapping[str, Tensor] = field(default_factory=dict)

    def best(self) -> Row:
        """The row of the epoch whose parameters were kept."""
        return max(self.history, key=lambda row: row[VALIDATION_METRIC])

    def best_epoch(self) -> tuple[int, float]:
        """Its number, and its NDCG@20 on validation."""
        return int(self.best()["epoch"]), self.best()[VALIDATION_METRIC]


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
    epochs: int = 60,
    patience: int = 6,
    device: str = "auto",
    threads: int = 1,
    task_losses: Mapping[str, PlugIn] | None = None,
    from_batch: Collection[str] = (),
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
        patience: Epochs without a better NDCG@20 on validation before training stops; they count from when the rule has come to
            the main task, where it has a schedule.
        device: ``"auto"``, ``"cpu"``, ``"cuda"`` or ``"mps"``.
        threads: Number of threads of torch.
        task_losses: Task -> name and options of its own loss.
        from_batch: Side tasks whose examples are about the users and items of the main task's batch.
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
    history = []
    waited = False
    for epoch in train_epochs(
        components.encoder,
        components.combiner,
        components.tasks,
        split,
        optimizer=optimizer[0],
        optimizer_options=optimizer[1],
        lr=lr,
        weight_decay=weight_decay,
        batch_size=batch_size,
        epochs=epochs,
        patience=patience,
        seed=seed,
    ):
        history.append(epoch.row())
        on_epoch(epoch)
        if waited and epoch.is_settled:
            log.info("epoch %d: %s has come to the main task; patience counts from here", epoch.number, rule[0])
        waited = not epoch.is_settled
    if waited and epochs > 1:
        what = "all %d epochs are over before %s has come to the main task. Fix: raise train.epochs, or quicken its schedule"
        log.warning(what, epochs, rule[0])
    return Learned(components.tables(), history, components.state())


def learn_baseline(split: Split, seed: int, on_epoch: Callable[[Epoch], None], *, baseline: PlugIn) -> Learned:
    """Fit a baseline; its history is one row, with its validation by the evaluator of all methods.

    Args:
        split: The interactions.
        seed: For what the baseline draws.
        on_epoch: Called once.
        baseline: The plug-in.
    """
    make_deterministic(1)
    name, options = baseline
    tables = plugins.load("baselines", name)(split.train_relation(), seed, **options)
    seen, relevant = (ItemLists.of([part], split.n_users, split.n_items) for part in (split.train, split.valid))
    ranking = rank(*ranking_tables(tables, split.train, split.n_users), seen, relevant, VALIDATION_CUTOFF)
    values = per_user(ranking, {"ndcg": ndcg}, [VALIDATION_CUTOFF])
    epoch = Epoch(1, {}, {}, float(values[f"ndcg@{VALIDATION_CUTOFF}"].mean()))
    on_epoch(epoch)
    return Learned(tables, [{"epoch": 1, VALIDATION_METRIC: epoch.valid_ndcg}])
