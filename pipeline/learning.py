"""What a method learns from the relations of a data set: the tables that rank, and how it got there."""

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from pipeline import plugins
from pipeline.assembly import assemble
from pipeline.data.relation import Relation
from pipeline.data.splitting import Split
from pipeline.evaluation import VALIDATION_CUTOFF, VALIDATION_METRIC, ItemLists, per_user, ranking_tables
from pipeline.metrics.ndcg import ndcg
from pipeline.sections import Train
from pipeline.training import Epoch, fit, make_deterministic, pick_device

__all__ = ["Learned", "learn"]

log = logging.getLogger(__name__)

Row = dict[str, float]


@dataclass(frozen=True, eq=False)
class Learned:
    """What a method made.

    Attributes:
        tables: See ``pipeline.evaluation.ranking_tables``; of learning by gradients also those of the other node types.
        state: Of the rule and the tasks' own parameters.
        history: A row per epoch.
    """

    tables: Mapping[str, Tensor]
    state: Mapping[str, Tensor]
    history: list[Row]


def learn(
    settings: Mapping[str, Any],
    relations: Sequence[Relation],
    split: Split,
    seed: int,
    on_epoch: Callable[[Epoch], None],
) -> Learned:
    """Train embeddings by a rule, or fit a baseline.

    A baseline's history is one row, with its validation by the evaluator of all methods.

    Args:
        settings: See ``pipeline.options.settings``.
        relations: One per task; the main task's first.
        split: The interactions.
        seed: Of the initial embeddings and the samples.
        on_epoch: Called as an epoch ends; what it raises ends the training.
    """
    if plugins.method_kind(settings["rule"]["name"]) == "baselines":
        make_deterministic(1)
        return _fit_baseline(settings["rule"], split, seed, on_epoch)
    train = Train.model_validate(settings["train"])
    make_deterministic(train.threads)
    device = pick_device(train.device)
    log.info("on %s, tasks: %s", device, ", ".join(relation.name for relation in relations))
    plug_ins = {part: (settings[part]["name"], settings[part]["options"]) for part in ("rule", "encoder", "loss")}
    parts = assemble(relations, seed, device, dim=train.dim, **plug_ins)
    history = []
    for epoch in fit(parts.encoder, parts.combiner, parts.losses, relations, split, seed=seed, **train.loop()):
        history.append(epoch.row())
        on_epoch(epoch)
    return Learned(parts.tables(), parts.state(), history)


def _fit_baseline(baseline: Mapping[str, Any], split: Split, seed: int, on_epoch: Callable[[Epoch], None]) -> Learned:
    tables = plugins.load("baselines", baseline["name"])(split.train_relation(), seed, **baseline["options"])
    seen, relevant = (ItemLists.of([part], split.n_users, split.n_items) for part in (split.train, split.valid))
    ranking = ranking_tables(tables, split.train, split.n_users)
    values, _ = per_user(*ranking, seen, relevant, {"ndcg": ndcg}, [VALIDATION_CUTOFF])
    epoch = Epoch(1, {}, {}, float(values[f"ndcg@{VALIDATION_CUTOFF}"].mean()))
    on_epoch(epoch)
    return Learned(tables, {}, [{"epoch": 1, VALIDATION_METRIC: epoch.valid_ndcg}])
