"""The BPR loss and its gradient in closed form."""

import numpy as np
import numpy.typing as npt

from pipeline.kernels.compiling import AHEAD, compiled, prefetch

__all__ = ["bpr"]

_Ints = npt.NDArray[np.int64]
_Floats = npt.NDArray[np.float32] | npt.NDArray[np.float64]


@compiled
def bpr(rows: _Floats, heads: _Ints, tails: _Ints, negatives: _Ints, of_each: float, gradient: _Floats) -> float:
    """The BPR loss of a batch in closed form; adds its gradient to ``gradient``. Equals autograd on ``losses.bpr.BPR``.

    With the margin m = <h, t - n> of a triplet, the loss is ``of_each`` times the sum of ln(1 + exp(-m)), and its derivative
    in m is -sigmoid(-m) * of_each.

    Args:
        rows: ``[n_rows, dim]``.
        heads: Positions in ``rows`` ``[batch]``, as are ``tails`` and ``negatives``.
        tails: See ``heads``.
        negatives: See ``heads``.
        of_each: Factor of a triplet's loss: 1 / batch for the mean.
        gradient: Accumulated in place, ``[n_rows, dim]``.
    """
    number, batch, dim = rows.dtype.type, heads.size, rows.shape[1]
    zero, one, share = number(0), number(1), number(of_each)
    slopes = np.empty(batch, rows.dtype)
    for i in range(batch):
        if i + AHEAD < batch:
            prefetch(rows, heads[i + AHEAD])
            prefetch(rows, tails[i + AHEAD])
            prefetch(rows, negatives[i + AHEAD])
        head, tail, negative = heads[i], tails[i], negatives[i]
        margin = zero
        for d in range(dim):
            margin += rows[head, d] * (rows[tail, d] - rows[negative, d])
        slopes[i] = margin
    loss = 0.0
    for i in range(batch):
        margin = slopes[i]
        small = np.exp(-abs(margin))  # for the forms of ln(1 + exp(-m)) and the sigmoid that cannot overflow
        loss += max(-margin, zero) + np.log1p(small)
        if not np.isfinite(margin):  # even where the loss itself would be 0, its gradient is not finite
            loss = np.nan
        slopes[i] = -share * (small if margin >= zero else one) / (one + small)
    for i in range(batch):
        if i + AHEAD < batch:
            prefetch(gradient, heads[i + AHEAD])
            prefetch(gradient, tails[i + AHEAD])
            prefetch(gradient, negatives[i + AHEAD])
        head, tail, negative, slope = heads[i], tails[i], negatives[i], slopes[i]
        for d in range(dim):
            gradient[head, d] += slope * (rows[tail, d] - rows[negative, d])
        for d in range(dim):
            change = slope * rows[head, d]
            gradient[tail, d] += change
            gradient[negative, d] -= change
    return loss * of_each
