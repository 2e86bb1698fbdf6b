"""One step of lazy Adam in one pass over the touched rows."""

import numpy as np
import numpy.typing as npt

from pipeline.kernels.compiling import AHEAD, compiled, prefetch

__all__ = ["adam"]

_Ints = npt.NDArray[np.int64]
_Floats = npt.NDArray[np.float32] | npt.NDArray[np.float64]


@compiled
def adam(
    table: _Floats, moments: _Floats, rows: _Ints, gradients: _Floats, constants: tuple[float, float, float, float, float]
) -> None:
    """One step of lazy Adam in one pass over the touched rows. Equivalent to ``optimizers.Adam``.

    Args:
        table: ``[n_table_rows, dim]``; updated in place.
        moments: First and second moments ``[n_table_rows, 2, dim]``; updated in place.
        rows: Distinct row numbers ``[n_rows]``.
        gradients: ``[n_rows, dim]``.
        constants: beta1, beta2, eps, step size, weight-decay factor of the rows.
    """
    number = table.dtype.type
    beta1, beta2, eps = number(constants[0]), number(constants[1]), number(constants[2])
    lr, shrink = number(constants[3]), number(constants[4])
    rest1, rest2 = number(1.0 - constants[0]), number(1.0 - constants[1])
    for r in range(rows.size):
        if r + AHEAD < rows.size:
            prefetch(table, rows[r + AHEAD])
            prefetch(moments[rows[r + AHEAD]], 0)
            prefetch(moments[rows[r + AHEAD]], 1)
        weight, state, gradient = table[rows[r]], moments[rows[r]], gradients[r]
        m, v = state[0], state[1]
        for d in range(table.shape[1]):
            g = gradient[d]
            m[d] = beta1 * m[d] + rest1 * g
            v[d] = beta2 * v[d] + rest2 * g * g
            weight[d] = shrink * weight[d] - lr * m[d] / (np.sqrt(v[d]) + eps)
