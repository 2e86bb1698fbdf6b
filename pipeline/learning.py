"""A method, by name and options, on the relations of a data set -> the tables that rank, and how it got there."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from pipeline import plugins
from pipeline.assembly import assemble
from pipeline.data.relation import Relation
from pipeline.data.splitting import Split
from pipeline.evaluation import ItemLists, per_user, ranking_tables
from pipeline.metrics.ndcg import ndcg
from pipeline.training import VALIDATION_CUTOFF, VALIDATION_METRIC, Epoch, fit

__all__ = ["Learned", "learn_baseline", "learn_by_gradients"]

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


def learn_by_gradients(
    rule: tuple[str, Mapping[str, Any]],
    relations: Sequence[Relation],
    split: Split,
    seed: int,
    device: torch.device,
    *,
    dim: int,
    encoder: tuple[str, Mapping[str, Any]],
    loss: tuple[str, Mapping[str, Any]],
    loop: Mapping[str, Any],
    on_epoch: Callable[[Epoch], None],
) -> Learned:
    """Train embeddings by a rule.

    Args:
        rule: Name of the plug-in, and its options.
        relations: One per task; the main task's first.
        split: The interactions.
        seed: Of the initial embeddings and the samples.
        device: Where to.
        dim: Length of an embedding.
        encoder: As ``rule``.
        loss: As ``rule``.
        loop: Keyword arguments of ``fit``.
        on_epoch: Called as an epoch ends.
    """
    parts = assemble(relations, seed, device, dim=dim, encoder=encoder, loss=loss, rule=rule)
    history = []
    for epoch in fit(parts.encoder, parts.combiner, parts.losses, relations, split, seed=seed, **loop):
        history.append(epoch.row())
        on_epoch(epoch)
    return Learned(parts.tables(), parts.state(), history)


def learn_baseline(
    baseline: tuple[str, Mapping[str, Any]], split: Split, seed: int, *, on_epoch: Callable[[Epoch], None]
) -> Learned:
    """Fit a baseline; its history is one row, with its validation by the evaluator of all methods.

    Args:
        baseline: Name of the plug-in, and its options.
        split: The interactions.
        seed: Of its random numbers.
        on_epoch: Called once.
    """
    name, options = baseline
    tables = plugins.load("baselines", name)(split.train_relation(), seed, **options)
    seen, relevant = (ItemLists.of([part], split.n_users, split.n_items) for part in (split.train, split.valid))
    ranking = ranking_tables(tables, split.train, split.n_users)
    values, _ = per_user(*ranking, seen, relevant, {"ndcg": ndcg}, [VALIDATION_CUTOFF])
    epoch = Epoch(1, {}, {}, float(values[f"ndcg@{VALIDATION_CUTOFF}"].mean()))
    on_epoch(epoch)
    return Learned(tables, {}, [{"epoch": 1, VALIDATION_METRIC: epoch.valid_ndcg}])
