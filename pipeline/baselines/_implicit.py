"""Adapter for the library ``implicit``."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from pipeline.baselines.base import interaction_matrix
from pipeline.data.relation import ITEM, USER
from pipeline.data.task_data import TaskData
from pipeline.errors import DivergedError

__all__ = ["factors"]


def factors(make: Callable[[], Any], data: Sequence[TaskData]) -> Mapping[str, Tensor]:
    """Build and fit an ``implicit`` model and return its factors, whose inner products are its scores.

    Raises:
        DivergedError: If they are not finite.
    """
    import scipy.sparse  # late, because `check` looks at all baselines
    import threadpoolctl
    from implicit.recommender_base import ModelFitError

    taken = interaction_matrix(data)
    with threadpoolctl.threadpool_limits(1, "blas"):  # nested BLAS threads would only oversubscribe the cores
        model = make()
        try:
            model.fit(scipy.sparse.csr_matrix(taken), show_progress=False)
        except ModelFitError as error:
            raise DivergedError(f"training: implicit: {error}. Fix: lower lr or raise regularization") from error
    users, items = torch.from_numpy(model.user_factors).clone(), torch.from_numpy(model.item_factors).clone()
    # What has no interactions is as it was drawn.
    users[torch.from_numpy(taken.sum(axis=1) == 0)] = 0
    items[torch.from_numpy(taken.sum(axis=0) == 0)] = 0
    return {USER: users, ITEM: items}
