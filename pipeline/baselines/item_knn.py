"""Item-based nearest neighbours: items similar to those in the user's history."""

from collections.abc import Mapping, Sequence

import numpy as np
import scipy.sparse
import torch
from torch import Tensor

from pipeline.baselines._item_item import attribute_matrix, refuse_dense
from pipeline.baselines.base import NotNegative, Size, interaction_matrix
from pipeline.data.relation import ITEM
from pipeline.data.task_data import TaskData

__all__ = ["item_knn"]


def item_knn(
    data: Sequence[TaskData],
    seed: int,
    *,
    neighbours: Size = 100,
    shrink: NotNegative = 0.0,
    attributes: NotNegative = 0.0,
) -> Mapping[str, Tensor]:
    """W[i, j] = c[i, j] / (sqrt(c[i, i] c[j, j]) + shrink) for the items j most similar to i (Sarwar et al., WWW 2001).

    Item i scores the sum of W[i, j] over the items j in the user's history: i's neighbours count, not j's.

    c counts the users that two items share, and weighs the attributes that they share (the hybrid of Mobasher et al., as in
    Dacrema et al., RecSys 2019, from which also the shrinkage). Dense, ``[n_items, n_items]``.

    Args:
        data: The main task first; its side tasks give the attributes (see ``attribute_matrix``).
        seed: Not used.
        neighbours: Neighbours kept per item; ties go to the item that appeared first.
        shrink: Shrinkage: damps similarities with little support.
        attributes: Weight of a shared attribute against a shared user; 0: attributes are not used.

    Raises:
        MachineError: If the matrix does not fit into memory.
    """
    taken = interaction_matrix(data)
    refuse_dense("item_knn", taken.shape[1])
    if attributes:
        taken = scipy.sparse.vstack([taken, attribute_matrix(data) * np.float32(attributes**0.5)], format="csr")
    shared = (taken.T @ taken).toarray()
    sizes = np.sqrt(shared.diagonal())
    similar = shared / np.maximum(np.outer(sizes, sizes) + np.float32(shrink), np.float32(1e-9))
    np.fill_diagonal(similar, 0)
    if neighbours < taken.shape[1]:
        far = np.argsort(-similar, axis=1, kind="stable")[:, neighbours:]
        np.put_along_axis(similar, far, 0, axis=1)
    return {ITEM: torch.from_numpy(similar)}
