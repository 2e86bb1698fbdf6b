"""Items by their popularity: what of the held-out interactions is found."""

from collections.abc import Sequence

import numpy as np

from pipeline.data.split import Split
from pipeline.evaluation.activity import COLD, ITEM_GROUPS
from pipeline.evaluation.evaluator import Ranking, find_hits
from pipeline.ranking.item_lists import ItemLists

__all__ = ["recall_by_popularity"]


def recall_by_popularity(ranking: Ranking, split: Split, cutoffs: Sequence[int]) -> dict[str, float]:
    """Recall over the test items of popular, middling, rare and cold items.

    The items, most popular first, are cut where they have a third and two thirds of the training interactions; cold ones, which
    have none, are a group of their own.

    Args:
        ranking: The lists.
        split: Popularity is the number of training interactions.
        cutoffs: The k of "@k".

    Returns:
        ``<group>@<k>``: hits among the test items of a group over all test items of the group, so that users count by their
        items; groups without a test item are left out.
    """
    counts = np.bincount(split.train["item"], minlength=split.n_items)
    order = np.argsort(-counts, kind="stable")
    group = np.empty(split.n_items, dtype=np.int64)
    group[order] = np.minimum(3 * (np.cumsum(counts[order]) - counts[order]) // max(counts.sum(), 1), 2)
    group[counts == 0] = ITEM_GROUPS.index(COLD)
    found: dict[str, float] = {}
    for number, name in enumerate(ITEM_GROUPS):
        of_group = split.test[group[split.test["item"]] == number]
        if len(of_group):
            hits = find_hits(ranking.items, ranking.users, ItemLists.of([of_group], split.n_users, split.n_items))
            found |= {f"{name}@{k}": float(hits[:, :k].sum()) / len(of_group) for k in cutoffs}
    return found
