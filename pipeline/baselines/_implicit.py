"""How the library ``implicit`` is called."""

from collections.abc import Callable, Mapping
from typing import Any

import scipy.sparse
import threadpoolctl
import torch
from torch import Tensor

from pipeline.baselines._base import interaction_matrix
from pipeline.data.relation import ITEM, USER, Relation

__all__ = ["factors"]


def factors(make: Callable[[], Any], train: Relation) -> Mapping[str, Tensor]:
    """Make and fit a model of implicit and take its factors, whose inner products are its scores."""
    with threadpoolctl.threadpool_limits(1, "blas"):  # several threads inside its own would burn the cores for nothing
        model = make()
        model.fit(scipy.sparse.csr_matrix(interaction_matrix(train)), show_progress=False)
    return {USER: torch.from_numpy(model.user_factors).clone(), ITEM: torch.from_numpy(model.item_factors).clone()}
