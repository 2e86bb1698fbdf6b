"""Interface of a baseline: a function from the training interactions to the tables used for ranking."""

from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any

import pydantic
from torch import Tensor

from pipeline.data.links import as_matrix
from pipeline.data.task_data import TaskData

__all__ = ["Baseline", "NotNegative", "Positive", "Size", "interaction_matrix"]

Baseline = Callable[..., Mapping[str, Tensor]]
"""``fit(data, seed, *, options)``, where ``data`` are the tasks of the data set, the main one first, returns
``{"user": [n_users, dim], "item": [n_items, dim]}``, ranked by inner product, or ``{"item": [n_items, n_items]}`` alone: W,
where item i scores the sum of W[i, j] over the items j in the user's history."""

Size = Annotated[int, pydantic.Field(ge=1)]
Positive = Annotated[float, pydantic.Field(ge=1e-12, le=1e12)]
NotNegative = Annotated[float, pydantic.Field(ge=0, le=1e12)]


def interaction_matrix(data: Sequence[TaskData]) -> Any:
    """Binary user-item interaction matrix of the main task, float32 ``[n_users, n_items]``.

    Raises:
        ValueError: If the main task has no interactions.
    """
    train = data[0].relation
    if train is None:
        raise ValueError(f"{data[0].name}: there are no interactions to learn from")
    return as_matrix(train)
