"""The evaluation of a trained model on the test part."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from pipeline import plugins
from pipeline.artifacts import check_folder, read_json, write_json
from pipeline.data.relation import ITEM, USER, SideTable
from pipeline.data.split import Split
from pipeline.data.storage import read_parquet, write_parquet
from pipeline.evaluation.evaluator import metric_values, rank
from pipeline.evaluation.item_groups import recall_by_popularity
from pipeline.ranking.top_k import ItemLists, ranking_tables

__all__ = ["Evaluation", "evaluate_model", "load_evaluation", "save_evaluation"]


@dataclass(frozen=True, eq=False)
class Evaluation:
    """What an evaluation gave.

    Attributes:
        metrics: ``<metric>@<k>`` -> mean over the users with test items, or value of the whole ranking.
        per_user: Column ``user`` and one column per metric that has a value per user.
        item_groups: See ``recall_by_popularity``.
    """

    metrics: Mapping[str, float]
    per_user: pd.DataFrame
    item_groups: Mapping[str, float]


def evaluate_model(
    tables: Mapping[str, Tensor],
    split: Split,
    sides: Callable[[], Mapping[str, SideTable]],
    *,
    metrics: Sequence[str],
    cutoffs: Sequence[int],
    threads: int = 1,
) -> Evaluation:
    """Rank the whole catalogue for every user with test items; training and validation items are masked.

    Args:
        tables: See ``ranking_tables``.
        split: The interactions.
        sides: Makes the side tables, for metrics that look at attributes of items.
        metrics: Files of pipeline/metrics/.
        cutoffs: The k of "@k".
        threads: Of torch.
    """
    torch.set_num_threads(threads)
    seen = ItemLists.of([split.train, split.valid], split.n_users, split.n_items)
    relevant = ItemLists.of([split.test], split.n_users, split.n_items)
    ranking = rank(*ranking_tables(tables, split.train, split.n_users), seen, relevant, max(cutoffs))
    others = {
        "n_items": lambda: split.n_items,
        "popularity": lambda: torch.from_numpy(np.bincount(split.train["item"], minlength=split.n_items)),
        "history": lambda: ItemLists.of([split.train], split.n_users, split.n_items),
        "attributes": lambda: _attributes(sides()),
    }
    functions = {name: plugins.load("metrics", name) for name in metrics}
    values, wholes = metric_values(ranking, functions, cutoffs, others)
    means = {str(name): float(mean) for name, mean in values.drop(columns="user").mean().items()}
    return Evaluation(means | wholes, values, recall_by_popularity(ranking, split, cutoffs))


def _attributes(sides: Mapping[str, SideTable]) -> dict[str, ItemLists]:
    """The side tables that link items with something that is neither item nor user."""
    found = {}
    for name, side in sorted(sides.items()):
        links = side.links
        if links.head_type == ITEM and links.tail_type not in (ITEM, USER):
            pairs = pd.DataFrame({"user": links.heads, "item": links.tails})
            found[name] = ItemLists.of([pairs], links.n_heads, links.n_tails)
    return found


def save_evaluation(folder: Path, evaluation: Evaluation) -> None:
    """``metrics.json``, ``item_groups.json`` and ``per_user.parquet``."""
    write_json(folder / "metrics.json", evaluation.metrics)
    write_json(folder / "item_groups.json", evaluation.item_groups)
    write_parquet(folder / "per_user.parquet", evaluation.per_user)


def load_evaluation(folder: Path) -> Evaluation:
    """What ``save_evaluation`` wrote, after a look at the checksums.

    Raises:
        IntegrityError: If a file differs from what was written.
    """
    check_folder(folder)
    values, _ = read_parquet(folder / "per_user.parquet")
    return Evaluation(read_json(folder / "metrics.json"), values, read_json(folder / "item_groups.json"))
