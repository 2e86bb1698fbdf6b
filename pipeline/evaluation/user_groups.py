"""Users by their history and by their links."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd

from pipeline.data.relation import USER
from pipeline.data.split import Split
from pipeline.data.task_data import TaskData
from pipeline.evaluation.activity import ACTIVITY_GROUPS, COLD, activity_groups

__all__ = ["user_groups"]


def user_groups(split: Split, tasks: Sequence[TaskData]) -> dict[str, "pd.Series[str]"]:
    """Kind of group -> group of every user (index: user number), as ordered categories.

    ``history``: thirds of the users by their training interactions (see ``activity_groups``); those who have none are ``cold``,
    where there are some. And for every side task of users
    its name: ``none`` without a link, else ``few`` or ``many``, up to or above the median of those who have some.
    """
    history = np.bincount(split.train["user"], minlength=split.n_users)
    thirds, cold = activity_groups(history), history == 0
    names = (COLD, *ACTIVITY_GROUPS) if cold.any() else ACTIVITY_GROUPS
    found = {"history": _ordered(np.where(cold, 0, thirds + 1) if cold.any() else thirds, *names)}
    for task in tasks[1:]:
        if task.relation is not None and task.relation.head_type == USER:
            links = np.bincount(task.relation.heads, minlength=split.n_users)
            most = np.median(links[links > 0])
            found[task.name] = _ordered(np.select([links == 0, links <= most], [0, 1], 2), "none", "few", "many")
    return found


def _ordered(numbers: npt.NDArray[np.int64], *names: str) -> "pd.Series[str]":
    return pd.Series(pd.Categorical(np.array(names)[numbers], names, ordered=True))
