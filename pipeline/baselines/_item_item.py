"""What item-to-item models share: attributes of items, the best linear model, and whether the machine can hold them."""

import logging
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import scipy.linalg.lapack
import scipy.sparse

from pipeline.data.links import as_matrix, describing
from pipeline.data.relation import ITEM
from pipeline.data.task_data import TaskData
from pipeline.errors import DivergedError
from pipeline.memory import refuse_too_large

__all__ = ["attribute_matrix", "best_linear_model", "refuse_dense"]

log = logging.getLogger(__name__)

_DENSE_COPIES = 5  # of an item-to-item matrix in float64 that are in memory at once


def attribute_matrix(data: Sequence[TaskData]) -> Any:
    """Attributes of items, each weighted by log(number of items / number of items that have it), ``[n_attributes, n_items]``.

    Every relation of items with something other than users gives one attribute per tail. What an item is viewed with is such an
    attribute too, and an item is one of those that it is viewed with.

    Returns:
        float32; no rows where items have no attributes, which is logged.
    """
    n_items = data[0].relation.n_tails if data[0].relation is not None else 0
    found = []
    for relation in describing(ITEM, [task.relation for task in data[1:] if task.relation is not None]):
        of_items = as_matrix(relation).T.tocsr()
        if relation.tail_type == ITEM:
            of_items = of_items + scipy.sparse.eye_array(n_items, dtype=np.float32, format="csr")
        found.append(of_items)
    if not found:
        log.warning("items have no attributes here: the interactions alone are used")
        return scipy.sparse.csr_array((0, n_items), dtype=np.float32)
    stacked = scipy.sparse.vstack(found, format="csr")
    n_having = np.diff(stacked.indptr)
    idf = np.log(n_items / np.maximum(n_having, 1)).astype(np.float32)
    return (scipy.sparse.diags_array(idf) @ stacked).tocsr()


def best_linear_model(rows: scipy.sparse.csr_array, l2: float) -> npt.NDArray[np.float64]:
    """B = argmin |X - X B|^2 + l2 |B|^2 with diag B = 0 (Steck, WWW 2019, equation 8).

    In closed form B[i, j] = -P[i, j] / P[j, j] with P = (X'X + l2 I)^-1, in float64.

    Args:
        rows: X ``[n, n_items]``.
        l2: Weight of the L2 penalty.

    Returns:
        ``[n_items, n_items]``.

    Raises:
        DivergedError: If it cannot be computed in float64.
    """
    taken = rows.astype(np.float64)
    gram = (taken.T @ taken).toarray()
    gram[np.diag_indices_from(gram)] += l2
    factor, failed = scipy.linalg.lapack.dpotrf(gram, lower=1, overwrite_a=1)  # half the work of a general inverse
    if failed:
        raise DivergedError("training: X'X + l2 I is not positive definite. Fix: raise l2, or lower attributes")
    inverse, _ = scipy.linalg.lapack.dpotri(factor, lower=1, overwrite_c=1)
    inverse = np.tril(inverse) + np.tril(inverse, -1).T
    weights: npt.NDArray[np.float64] = -inverse / inverse.diagonal()
    np.fill_diagonal(weights, 0)
    return weights


def refuse_dense(method: str, n_items: int) -> None:
    """Refuse a catalogue whose item-to-item matrix does not fit into memory, before anything is computed.

    Raises:
        MachineError: If it does not.
    """
    what = f"{method}: a dense matrix of {n_items:,} x {n_items:,} items"
    fix = "raise preprocess.k_core, or leave it out of methods (slim keeps few weights per item)"
    refuse_too_large(what, _DENSE_COPIES * 8 * n_items**2, fix)
