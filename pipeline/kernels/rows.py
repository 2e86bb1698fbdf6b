"""Rows of a table: gathered, de-duplicated, summed with weights."""

import numpy as np
import numpy.typing as npt

from pipeline.kernels.compiling import AHEAD, compiled, prefetch

__all__ = ["distinct", "gather", "weighted_sum"]

_Ints = npt.NDArray[np.int64]
_Floats = npt.NDArray[np.float32] | npt.NDArray[np.float64]


@compiled
def gather(table: _Floats, rows: _Ints, out: _Floats) -> None:
    """``out[i] = table[rows[i]]``. Equivalent to ``torch.index_select``."""
    for i in range(rows.size):
        if i + AHEAD < rows.size:
            prefetch(table, rows[i + AHEAD])
        out[i] = table[rows[i]]


@compiled
def distinct(values: _Ints, seen: npt.NDArray[np.bool_], found: _Ints) -> int:
    """Distinct ``values`` in order of first appearance, without sorting.

    Args:
        values: ``[n]``.
        seen: Scratch space, false for every possible value; all false again on return.
        found: Output ``[n]``; the distinct values come first.

    Returns:
        The number of distinct values.
    """
    n_found = 0
    for value in values:
        if not seen[value]:
            seen[value] = True
            found[n_found] = value
            n_found += 1
    for value in found[:n_found]:
        seen[value] = False
    return n_found


@compiled
def weighted_sum(values: _Floats, weights: _Floats, total: _Floats) -> None:
    """``total[e]``: sum over t of weights[t, e] * values[t, e]. The twin of ``combiners.base.weighted_sum``.

    Args:
        values: ``[n_tasks, n_rows, dim]``.
        weights: ``[n_tasks, n_rows]``; tasks with weight 0 are skipped, which is exact for finite gradients: the engine
            rejects all others.
        total: Output ``[n_rows, dim]``.
    """
    for row in range(values.shape[1]):
        of_row = total[row]
        of_row[:] = 0
        for task in range(values.shape[0]):
            weight = weights[task, row]
            if weight != 0:
                value = values[task, row]
                for d in range(values.shape[2]):
                    of_row[d] += weight * value[d]
