"""Hot loops of a training step in numba, each the twin of some plain PyTorch or NumPy that stays the reference.

On a CPU a step moves a few thousand rows, and most of its time goes into passes over memory between small operations. Each
loop here makes one pass where PyTorch makes several. They work in place on NumPy views of CPU tensors, run on one core and
are compiled at their first call (cached beside this file). Where numba is not installed, and on a GPU, the reference runs.
"""

from collections.abc import Callable
from typing import Any, TypeVar, cast

import numpy as np
import numpy.typing as npt
from torch import Tensor

try:
    import numba
    from llvmlite import ir
    from numba.core import cgutils
    from numba.extending import intrinsic
except ImportError:  # the training core needs torch, numpy and pandas alone
    numba = None  # type: ignore[assignment]

__all__ = ["adam", "bpr", "distinct", "find_pairs", "gather", "is_compiled_for", "top_k", "weighted_sum"]

_FAST = {"reassoc", "contract", "arcp", "nsz"}
_F = TypeVar("_F", bound=Callable[..., Any])
_Ints = npt.NDArray[np.int64]
_Floats = npt.NDArray[np.float32] | npt.NDArray[np.float64]


def is_compiled_for(tensor: Tensor) -> bool:
    """Whether the loops can work on ``tensor``."""
    return numba is not None and tensor.device.type == "cpu" and tensor.is_contiguous()


def _compiled(function: _F) -> _F:
    """So that loops vectorise, sums may be reordered and a division by zero is no error; NaN and infinity stay what they are."""
    if numba is None:
        return function
    return cast(_F, numba.njit(cache=True, nogil=True, fastmath=_FAST, error_model="numpy")(function))


def _prefetch_call(_context: Any, rows: Any, row: Any) -> Any:
    """Code that asks the memory for a row of a table, without waiting for it (llvm.prefetch)."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        table = context.make_array(signature.args[0])(context, builder, arguments[0])
        number, byte = ir.IntType(32), ir.IntType(8).as_pointer()
        stride = cgutils.unpack_tuple(builder, table.strides)[0]  # type: ignore[no-untyped-call]
        first, start = builder.bitcast(table.data, byte), builder.mul(arguments[1], stride)
        kind = ir.FunctionType(ir.VoidType(), [byte, number, number, number])
        ask = cgutils.get_or_insert_function(builder.module, kind, "llvm.prefetch.p0")  # type: ignore[no-untyped-call]
        for line in range(_LINES):
            place = builder.gep(first, [builder.add(start, ir.Constant(start.type, _LINE_BYTES * line))])
            builder.call(ask, [place, number(1), number(3), number(1)])  # to write, into the nearest cache, data
        return context.get_dummy_value()

    return numba.void(rows, row), generate


_AHEAD = 8  # rows; the memory answers in about the time that so many take
_LINE_BYTES, _LINES = 64, 4  # of the cache; the rest of a longer row comes by itself
_prefetch: Any = intrinsic(_prefetch_call) if numba is not None else None


@_compiled
def gather(table: _Floats, rows: _Ints, out: _Floats) -> None:
    """``out[i] = table[rows[i]]``. The twin of ``torch.index_select``."""
    for i in range(rows.size):
        if i + _AHEAD < rows.size:
            _prefetch(table, rows[i + _AHEAD])
        out[i] = table[rows[i]]


@_compiled
def distinct(values: _Ints, seen: npt.NDArray[np.bool_], found: _Ints) -> int:
    """Distinct ``values`` in order of appearance, without a sort.

    Args:
        values: ``[n]``.
        seen: False for every possible value; is so again afterwards.
        found: Out, ``[n]``; filled from the start.

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


@_compiled
def find_pairs(heads: _Ints, tails: _Ints, offsets: _Ints, known: _Ints, found: npt.NDArray[np.bool_]) -> None:
    """``found[i]``: whether tails[i] is among the ascending ``known[offsets[h]:offsets[h + 1]]`` of h = heads[i].

    The twin of a binary search in the sorted keys of all pairs, but within a list that fits the cache.
    """
    for i in range(heads.size):
        low, high = offsets[heads[i]], offsets[heads[i] + 1]
        end = high
        while low < high:
            middle = (low + high) // 2
            if known[middle] < tails[i]:
                low = middle + 1
            else:
                high = middle
        found[i] = low < end and known[low] == tails[i]


@_compiled
def bpr(rows: _Floats, heads: _Ints, tails: _Ints, negatives: _Ints, gradient: _Floats) -> float:
    """The BPR loss of a batch in closed form; adds its gradient to ``gradient``. The twin of autograd on ``losses.bpr.BPR``.

    With the margin m = <h, t - n> of a triplet, the loss is the mean of ln(1 + exp(-m)), and its derivative by m is
    -sigmoid(-m) / batch.

    Args:
        rows: ``[n_rows, dim]``.
        heads: Positions in ``rows`` ``[batch]``; so ``tails`` and ``negatives``.
        tails: See ``heads``.
        negatives: See ``heads``.
        gradient: In and out, ``[n_rows, dim]``.
    """
    number, batch, dim = rows.dtype.type, heads.size, rows.shape[1]
    zero, one, share = number(0), number(1), number(1 / batch)
    slopes = np.empty(batch, rows.dtype)
    for i in range(batch):
        if i + _AHEAD < batch:
            _prefetch(rows, heads[i + _AHEAD])
            _prefetch(rows, tails[i + _AHEAD])
            _prefetch(rows, negatives[i + _AHEAD])
        head, tail, negative = heads[i], tails[i], negatives[i]
        margin = zero
        for d in range(dim):
            margin += rows[head, d] * (rows[tail, d] - rows[negative, d])
        slopes[i] = margin
    loss = 0.0
    for i in range(batch):
        margin = slopes[i]
        small = np.exp(-abs(margin))  # of the two forms of ln(1 + exp(-m)) and of the sigmoid, the one that cannot overflow
        loss += max(-margin, zero) + np.log1p(small)
        slopes[i] = -share * (small if margin >= zero else one) / (one + small)
    for i in range(batch):
        if i + _AHEAD < batch:
            _prefetch(gradient, heads[i + _AHEAD])
            _prefetch(gradient, tails[i + _AHEAD])
            _prefetch(gradient, negatives[i + _AHEAD])
        head, tail, negative, slope = heads[i], tails[i], negatives[i], slopes[i]
        for d in range(dim):
            gradient[head, d] += slope * (rows[tail, d] - rows[negative, d])
        for d in range(dim):
            change = slope * rows[head, d]
            gradient[tail, d] += change
            gradient[negative, d] -= change
    return loss / batch


@_compiled
def weighted_sum(values: _Floats, weights: _Floats, total: _Floats) -> None:
    """``total[e]``: the sum over t of weights[t, e] * values[t, e]. The twin of the same in ``combiners._base``.

    Args:
        values: ``[n_tasks, n_rows, dim]``.
        weights: ``[n_tasks, n_rows]``; a task with the weight 0 need not be read, unless its gradient is not finite: the
            engine refuses that.
        total: Out, ``[n_rows, dim]``.
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


@_compiled
def adam(
    table: _Floats, moments: _Floats, rows: _Ints, gradients: _Floats, constants: tuple[float, float, float, float, float]
) -> None:
    """One step of lazy Adam in one pass over the touched rows. The twin of ``optimizers.Adam``.

    Args:
        table: ``[n_table_rows, dim]``; changed.
        moments: First and second ``[n_table_rows, 2, dim]``; changed.
        rows: Distinct ``[n_rows]``.
        gradients: ``[n_rows, dim]``.
        constants: beta1, beta2, eps, the length of the step, the factor that shrinks a row.
    """
    number = table.dtype.type
    beta1, beta2, eps = number(constants[0]), number(constants[1]), number(constants[2])
    lr, shrink = number(constants[3]), number(constants[4])
    rest1, rest2 = number(1.0 - constants[0]), number(1.0 - constants[1])
    for r in range(rows.size):
        if r + _AHEAD < rows.size:
            _prefetch(table, rows[r + _AHEAD])
            _prefetch(moments[rows[r + _AHEAD]], 0)
            _prefetch(moments[rows[r + _AHEAD]], 1)
        weight, state, gradient = table[rows[r]], moments[rows[r]], gradients[r]
        m, v = state[0], state[1]
        for d in range(table.shape[1]):
            g = gradient[d]
            m[d] = beta1 * m[d] + rest1 * g
            v[d] = beta2 * v[d] + rest2 * g * g
            weight[d] = shrink * weight[d] - lr * m[d] / (np.sqrt(v[d]) + eps)


_BLOCK = 64


@_compiled
def top_k(scores: _Floats, users: _Ints, offsets: _Ints, seen: _Ints, items: _Ints, best: _Floats) -> None:
    """The k largest scores of unseen items for every user, the largest first; of equal ones the first.

    The twin of a stable sort of the scores in which seen items have -inf.

    The k-th largest of the maxima of blocks is a bound that at least k scores reach, and few others.

    Args:
        scores: ``[n, n_items]``, without NaN; -inf is never taken. Those of seen items become -inf.
        users: Of the rows ``[n]``.
        offsets: User u has seen ``seen[offsets[u]:offsets[u + 1]]``.
        seen: Items.
        items: Out, places in the row ``[n, k]``; untouched where there are fewer than k.
        best: Out, their scores; -inf at first.
    """
    k, n_items = items.shape[1], scores.shape[1]
    n_blocks = (n_items + _BLOCK - 1) // _BLOCK
    maxima, bounds, ignored = np.empty(n_blocks, scores.dtype), np.empty(k, scores.dtype), np.empty(k, np.int64)
    for row in range(scores.shape[0]):
        for item in seen[offsets[users[row]] : offsets[users[row] + 1]]:
            scores[row, item] = -np.inf
        _block_maxima(scores[row], maxima)
        bounds[:] = -np.inf
        for maximum in maxima:
            _insert(maximum, 0, bounds, ignored)
        bound = bounds[k - 1]
        for block in range(n_blocks):
            if maxima[block] >= bound:
                for item in range(block * _BLOCK, min((block + 1) * _BLOCK, n_items)):
                    if scores[row, item] >= bound:
                        _insert(scores[row, item], item, best[row], items[row])


@_compiled
def _block_maxima(scores: _Floats, maxima: _Floats) -> None:
    """The largest of every ``_BLOCK`` scores."""
    for block in range(maxima.size):
        highest = scores[block * _BLOCK]
        for score in scores[block * _BLOCK : (block + 1) * _BLOCK]:
            if score > highest:  # noqa: PLR1730  # max() would not be vectorised
                highest = score
        maxima[block] = highest


@_compiled
def _insert(value: float, place: int, values: _Floats, places: _Ints) -> None:
    """Put a value behind all that are not smaller into descending ``values``, whose last one drops out."""
    at = values.size - 1
    if not value > values[at]:
        return
    while at > 0 and values[at - 1] < value:
        values[at], places[at] = values[at - 1], places[at - 1]
        at -= 1
    values[at], places[at] = value, place
