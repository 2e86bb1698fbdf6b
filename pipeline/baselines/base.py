"""Interface of a baseline: a function from the training interactions to the tables used for ranking."""

from collections.abc import Callable, Mapping
from typing import Annotated

import numpy as np
import pydantic
import scipy.sparse
from torch import Tensor

from pipeline.data.relation import Relation

__all__ = ["Baseline", "NotNegative", "Positive", "Size", "interaction_matrix"]

Baseline = Callable[..., Mapping[str, Tensor]]
"""``fit(train, seed, *, options)`` returns ``{"user": [n_users, dim], "item": [n_items, dim]}``, ranked by inner product, or
``{"item": [n_items, n_items]}`` alone: W, where item i scores the sum of W[i, j] over the items j in the user's history."""

Size = Annotated[int, pydantic.Field(ge=1)]
Positive = Annotated[float, pydantic.Field(gt=0)]
NotNegative = Annotated[float, pydantic.Field(ge=0)]


def interaction_matrix(train: Relation) -> scipy.sparse.csr_array:
    """Binary user-item interaction matrix, float32 ``[n_users, n_items]``."""
    ones = np.ones(train.n_edges, dtype=np.float32)
    found = scipy.sparse.csr_array((ones, (train.heads, train.tails)), shape=(train.n_heads, train.n_tails))
    found.sum_duplicates()
    found.data[:] = 1
    return found
