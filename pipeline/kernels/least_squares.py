"""Weighted least squares for many rows: their normal equations, summed over relations, and the solution, compiled.

The upper triangle of a matrix is built row by row and factored in place, four updates in one pass, so that the inner loops
vectorise and the matrix stays in the cache: at 128 unknowns the factorisation takes 25 us of a core where OpenBLAS takes 61
and MKL 99. Two things make them vectorise: indices are unsigned, because a signed one might count from the end, and a row is
updated from a multiple of ``_WIDTH`` on, because the ends of uneven loops are not vectorised; what is computed below the
diagonal is never read.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

from pipeline.kernels.compiling import compiled, inlined

__all__ = ["add_residuals", "solve_rows"]

_Ints = npt.NDArray[np.int64]
_Floats = npt.NDArray[np.float32] | npt.NDArray[np.float64]

_U: Any = np.uint64
_WIDTH = _U(64)
_FOUR = _U(4)


@compiled
def add_residuals(first: int, last: int, own: _Floats, table: _Floats, others: _Ints, offsets: _Ints, total: _Floats) -> None:
    """Add the sum over the rows y linked with e of (own[e] y - 1) y to ``total[e]``.

    Args:
        first: The first row.
        last: The row after the last one.
        own: ``[n_rows, dim]``.
        table: ``[n, dim]``.
        others: Rows of ``table``; those of row e are ``others[offsets[e]:offsets[e + 1]]``.
        offsets: ``[n_rows + 1]``.
        total: Output ``[n_rows, dim]``.
    """
    dim = _U(own.shape[1])
    for row in range(first, last):
        for other in others[offsets[row] : offsets[row + 1]]:
            off = own.dtype.type(-1)
            for d in range(dim):
                off += own[row, d] * table[other, d]
            for d in range(dim):
                total[row, d] += off * table[other, d]


@compiled
def solve_rows(
    first: int,
    last: int,
    table: _Floats,
    others: _Ints,
    offsets: _Ints,
    weights: _Floats,
    grams: _Floats,
    ridge: _Floats,
    solved: _Floats,
) -> None:
    """Solve (sum over t of w[t,e] (Y[t,e]' Y[t,e] + G[t]) + ridge[e] I) x = b[e] + sum over t of w[t,e] Y[t,e]' 1 for rows e.

    Y[t,e] are the rows of ``table`` that e is linked with in relation t.

    Args:
        first: The first row to solve.
        last: The row after the last one.
        table: ``[n, dim]``.
        others: Rows of ``table``; those of row e and relation t are ``others[offsets[t, e]:offsets[t, e + 1]]``.
        offsets: ``[n_relations, n_rows + 1]``.
        weights: ``[n_relations, n_rows]``, >= 0.
        grams: ``[n_relations, dim, dim]``, symmetric.
        ridge: ``[n_rows]``, > 0.
        solved: In: b ``[n_rows, dim]``. Out: x; NaN where a matrix is not positive definite.
    """
    dim = _U(table.shape[1])
    width = (dim + _WIDTH - _U(1)) // _WIDTH * _WIDTH
    matrix = np.zeros((dim, width), table.dtype)
    updates = np.zeros((_FOUR, width), table.dtype)
    right = np.zeros(dim, table.dtype)
    for row in range(first, last):
        matrix[:] = 0
        right[:] = solved[row]
        for t in range(weights.shape[0]):
            weight = weights[t, row]
            if weight == 0:
                continue
            for i in range(dim):
                for d in range(i, dim):
                    matrix[i, d] += weight * grams[t, i, d]
            start, end = offsets[t, row], offsets[t, row + 1]
            root = np.sqrt(weight)
            while start < end:
                for place in range(_FOUR):
                    if start < end:
                        other = others[start]
                        for d in range(dim):
                            updates[place, d] = root * table[other, d]
                            right[d] += weight * table[other, d]
                        start += 1
                    else:
                        updates[place] = 0
                _add_products(matrix, updates, dim, width)
        for i in range(dim):
            matrix[i, i] += ridge[row]
        _factor(matrix, dim, width)
        _substitute(matrix, right, dim)
        solved[row] = right


@inlined
def _add_products(matrix: _Floats, updates: _Floats, dim: Any, width: Any) -> None:
    """Add ``updates' updates``."""
    zero, one, two, three = _U(0), _U(1), _U(2), _U(3)
    for i in range(dim):
        a, b, c, e = updates[zero, i], updates[one, i], updates[two, i], updates[three, i]
        for d in range(i // _WIDTH * _WIDTH, width):
            matrix[i, d] += a * updates[zero, d] + b * updates[one, d] + c * updates[two, d] + e * updates[three, d]


@inlined
def _factor(matrix: _Floats, dim: Any, width: Any) -> None:
    """Replace the upper triangle of a matrix by that of U, where the matrix is U'U (Cholesky), four rows at a time."""
    for block in range((dim + _U(3)) // _FOUR):
        zero = block * _FOUR
        end = min(zero + _FOUR, dim)
        low = zero // _WIDTH * _WIDTH
        for k in range(zero, end):
            scale = 1 / np.sqrt(matrix[k, k]) if matrix[k, k] > 0 else np.nan
            for d in range(low, width):
                matrix[k, d] *= scale
            for i in range(k + _U(1), end):
                factor = matrix[k, i]
                for d in range(low, width):
                    matrix[i, d] -= factor * matrix[k, d]
        one, two, three = zero + _U(1), zero + _U(2), zero + _U(3)
        for i in range(end, dim):  # none after a last block that is not whole
            a, b, c, e = matrix[zero, i], matrix[one, i], matrix[two, i], matrix[three, i]
            for d in range(i // _WIDTH * _WIDTH, width):
                matrix[i, d] -= a * matrix[zero, d] + b * matrix[one, d] + c * matrix[two, d] + e * matrix[three, d]


@inlined
def _substitute(upper: _Floats, right: _Floats, dim: Any) -> None:
    """Replace ``right`` by the solution of U'U x = right."""
    for k in range(dim):
        value = right[k] / upper[k, k]
        right[k] = value
        for d in range(k + _U(1), dim):
            right[d] -= value * upper[k, d]
    for back in range(dim):
        k = dim - _U(1) - back
        total = right[k]
        for d in range(k + _U(1), dim):
            total -= upper[k, d] * right[d]
        right[k] = total / upper[k, k]
