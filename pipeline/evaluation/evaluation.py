"""The evaluation of a trained model on the test part."""

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from pipeline import plugins
from pipeline.data.relation import ITEM, USER, SideTable
from pipeline.data.split import Split
from pipeline.errors import InputError
from pipeline.evaluation.evaluator import metric_values, rank
from pipeline.evaluation.item_groups import recall_by_popularity
from pipeline.evaluation.storage import Evaluation
from pipeline.ranking.item_lists import ItemLists
from pipeline.ranking.scoring import Scoring

__all__ = ["evaluate_model"]

_LONG = 1000  # a list of up to so many costs nothing, whatever the catalogue has


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
        tables: See ``Scoring.of``.
        split: The interactions.
        sides: Makes the side tables, for metrics that look at attributes of items.
        metrics: Files of pipeline/metrics/.
        cutoffs: The k of "@k".
        threads: Of torch.
    """
    torch.set_num_threads(threads)
    history = ItemLists.of([split.train], split.n_users, split.n_items)
    seen = ItemLists.of([split.train, split.valid], split.n_users, split.n_items)
    relevant = ItemLists.of([split.test], split.n_users, split.n_items)
    if max(cutoffs) > max(split.n_items, _LONG):
        problem = f"{max(cutoffs)} is longer than the catalogue of {split.n_items} items"
        raise InputError(f"evaluate.cutoffs: {problem}. Fix: write {split.n_items} or less")
    ranking = rank(Scoring.of(tables, history), seen, relevant, max(cutoffs))
    others = {
        "n_items": lambda: split.n_items,
        "popularity": lambda: torch.from_numpy(np.bincount(split.train["item"], minlength=split.n_items)),
        "history": lambda: history,
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
