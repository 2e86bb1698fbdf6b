"""Users and items of whom a method has learned nothing, and users without a history: what is served for them."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import torch
from torch import Tensor

from pipeline.data.links import as_matrix
from pipeline.data.relation import ITEM, USER, Relation
from pipeline.ranking.item_lists import ItemLists
from pipeline.ranking.scoring import HISTORY

__all__ = ["ColdStart"]


class ColdStart:
    """Rows for users without training interactions, and for what no task has touched (ours).

    A user without a history is the mean of its friends who have one: that is better than a row which side tasks trained, and
    far better than what is popular, where friends share tastes (docs/explanation/method.md has the numbers). What has no pair
    in any of the tasks that a method learns from is a row of zeros, whatever was drawn for it at first: its scores are all
    equal, and such a user gets what is popular (see ``Scoring``). The same holds for all methods.

    Args:
        train: Training items of every user.
        relations: Side relations, of which those between users make friends.
        learned: The relations that the method learns from, that of the main task included.
    """

    def __init__(self, train: ItemLists, relations: Sequence[Relation], learned: Sequence[Relation]) -> None:
        has_history = train.lengths().numpy() > 0
        self._cold = np.flatnonzero(~has_history).astype(np.int64)
        friends = [relation for relation in relations if relation.head_type == relation.tail_type == USER]
        self._friends = _friends(self._cold, has_history, friends)
        self._history = self._borrowed(train)
        sizes = {USER: len(has_history), ITEM: train.n_items}
        self._untouched = {kind: torch.from_numpy(np.flatnonzero(~_touched(kind, n, learned))) for kind, n in sizes.items()}

    def _borrowed(self, train: ItemLists) -> ItemLists:
        """The histories, with those of their friends for users who have none."""
        if self._friends is None:
            return train
        links = self._friends.tocoo()
        position, items = train.pairs(torch.from_numpy(links.col.astype(np.int64)))
        own = np.repeat(np.arange(len(train.lengths())), train.lengths().numpy())
        tables = [(own, train.items.numpy()), (self._cold[links.row][position.numpy()], items.numpy())]
        frames = [pd.DataFrame({"user": users, "item": of_users}) for users, of_users in tables]
        return ItemLists.of(frames, len(train.lengths()), train.n_items)

    def fill(self, tables: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """The tables as they rank; the given ones stay as they are.

        Args:
            tables: ``item`` and, unless users are their histories, ``user``; others are passed on.

        Returns:
            See ``Scoring.of``; the history of a user who has none is that of its friends.
        """
        filled = dict(tables)
        for kind, rows in self._untouched.items():
            if kind in filled and rows.numel():
                filled[kind] = filled[kind].detach().clone()
                filled[kind][rows.to(filled[kind].device)] = 0
        if USER not in tables:
            return filled | dict(zip(HISTORY, (self._history.offsets, self._history.items), strict=True))
        if self._friends is not None:
            users = filled[USER].detach().clone()
            means = torch.from_numpy(self._friends @ users.cpu().numpy()).to(users)
            has_friends = torch.from_numpy(self._friends.sum(axis=1) > 0)
            users[torch.from_numpy(self._cold)[has_friends].to(users.device)] = means[has_friends.to(users.device)]
            filled[USER] = users
        return filled


def _friends(cold: npt.NDArray[np.int64], has_history: npt.NDArray[np.bool_], relations: Sequence[Relation]) -> Any:
    """How much of every user each of those without a history is ``[n_cold, n_users]``; ``None`` if there is nothing to fill."""
    if cold.size == 0 or not relations:
        return None
    import scipy.sparse  # late: most data sets have no such users

    links = sum(as_matrix(relation)[cold] for relation in relations) @ scipy.sparse.diags_array(has_history.astype(np.float32))
    sums = links.sum(axis=1)
    return (scipy.sparse.diags_array(1 / np.where(sums > 0, sums, 1).astype(np.float32)) @ links).tocsr()


def _touched(kind: str, n: int, relations: Sequence[Relation]) -> npt.NDArray[np.bool_]:
    """Which nodes of a type have a pair in any of the relations ``[n]``."""
    found = np.zeros(n, dtype=np.bool_)
    for relation in relations:
        for node_type, numbers in ((relation.head_type, relation.heads), (relation.tail_type, relation.tails)):
            if node_type == kind:
                found[numbers] = True
    return found
