"""Who gains: users by their history and their links, items by their popularity."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd
import torch
from torch import Tensor

from pipeline.data.relation import USER, Relation
from pipeline.data.splitting import Split
from pipeline.evaluation import NOTHING, ItemLists, find_hits
from pipeline.thirds import THIRDS, thirds

__all__ = ["by_item_popularity", "user_slices"]


def user_slices(split: Split, tasks: Sequence[Relation]) -> dict[str, "pd.Series[str]"]:
    """Kind of slice -> slice of every user (index: user number), as ordered categories.

    ``history``: thirds of the users by their training interactions (see ``thirds``). And for every side task of users its
    name: ``none`` without a link, else ``few`` or ``many``, up to or above the median of those who have some.
    """
    history = np.bincount(split.train["user"], minlength=split.n_users)
    found = {"history": _ordered(thirds(history), *THIRDS)}
    for task in tasks[1:]:
        if task.head_type == USER:
            links = np.bincount(task.heads, minlength=split.n_users)
            most = np.median(links[links > 0])
            found[task.name] = _ordered(np.select([links == 0, links <= most], [0, 1], 2), "none", "few", "many")
    return found


def by_item_popularity(recommended: Tensor, users: Tensor, split: Split, cutoffs: Sequence[int]) -> dict[str, float]:
    """What is recommended, and what of the held-out items is found, by popularity.

    Args:
        recommended: Items ``[n, k]`` of each user, best first.
        users: User numbers ``[n]``.
        split: Popularity is the number of training interactions.
        cutoffs: The k of "@k".

    Returns:
        ``popularity@k``: mean popularity of the recommended items. ``recall_head@k``, ``recall_middle@k``,
        ``recall_tail@k``: the items, most popular first, are cut where they have a third and two thirds of the interactions;
        hits among the test items of a part over all test items of that part (so that users count by their items).
    """
    counts = np.bincount(split.train["item"], minlength=split.n_items)
    order = np.argsort(-counts, kind="stable")
    part = np.empty(split.n_items, dtype=np.int64)
    part[order] = np.minimum(3 * (np.cumsum(counts[order]) - counts[order]) // max(counts.sum(), 1), 2)
    popularity = torch.from_numpy(counts)
    found = {}
    for k in cutoffs:
        items = recommended[:, :k]
        found[f"popularity@{k}"] = float(popularity[items[items != NOTHING]].double().mean())
    for number, name in enumerate(("head", "middle", "tail")):
        of_part = split.test[part[split.test["item"]] == number]
        if len(of_part):
            hits = find_hits(recommended, users, ItemLists.of([of_part], split.n_users, split.n_items))
            found |= {f"recall_{name}@{k}": float(hits[:, :k].sum()) / len(of_part) for k in cutoffs}
    return found


def _ordered(numbers: npt.NDArray[np.int64], *names: str) -> "pd.Series[str]":
    return pd.Series(pd.Categorical(np.array(names)[numbers], names, ordered=True))
