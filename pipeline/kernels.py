"""Hot loops of a training step in numba, each the twin of some plain PyTorch or NumPy that stays the reference.

On a CPU a step moves a few thousand rows, and most of its time goes into passes over memory between small operations. Each
loop here makes one pass where PyTorch makes several. They work in place on NumPy views of CPU tensors and run on one core.
Where numba is not installed, and on a GPU, the reference runs.
"""

import numpy as np
import numpy.typing as npt

from pipeline.compiling import AHEAD, compiled, is_compiled_for, prefetch

__all__ = ["adam", "bpr", "distinct", "find_pairs", "gather", "is_compiled_for", "pmtrec", "weighted_sum"]

_Ints = npt.NDArray[np.int64]
_Floats = npt.NDArray[np.float32] | npt.NDArray[np.float64]


@compiled
def gather(table: _Floats, rows: _Ints, out: _Floats) -> None:
    """``out[i] = table[rows[i]]``. The twin of ``torch.index_select``."""
    for i in range(rows.size):
        if i + AHEAD < rows.size:
            prefetch(table, rows[i + AHEAD])
        out[i] = table[rows[i]]


@compiled
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


@compiled
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


@compiled
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
        small = np.exp(-abs(margin))  # of the two forms of ln(1 + exp(-m)) and of the sigmoid, the one that cannot overflow
        loss += max(-margin, zero) + np.log1p(small)
        if not np.isfinite(margin):  # also where the loss itself would be 0, its gradient is not finite
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
    return loss / batch


@compiled
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


INVERSE, SOFTMAX, PROPORTIONAL, UNIFORM = range(4)  # forms of the weights of PMTRec


@compiled
def pmtrec(  # noqa: PLR0912  # the branches are the options of the rule
    values: _Floats,
    present: npt.NDArray[np.bool_],
    form: int,
    by_row: bool,
    temperature: float,
    logit: bool,
    focus: float,
    fade: bool,
    keep: bool,
    weights: _Floats,
    total: _Floats,
) -> None:
    """PMTRec per entity in one pass over the gradients. The twin of ``combiners.pmtrec``, where the formulas are.

    Args:
        values: ``[n_tasks, n_rows, dim]``.
        present: ``[n_tasks, n_rows]``; every row has a task.
        form: Of the weights.
        by_row: Whether norms are divided by the mean of the row.
        temperature: Of the softmax.
        logit: Whether the focus is of that kind, else it is convex.
        focus: l(s).
        fade: Whether rows without the main task fade.
        keep: Whether weights are multiplied by the number of tasks of the row.
        weights: Out, ``[n_tasks, n_rows]``.
        total: Out, ``[n_rows, dim]``.
    """
    n_tasks, n_rows, dim = values.shape
    shares = np.empty(n_tasks)
    for row in range(n_rows):
        n_present, length, longest, shortest = 0, 0.0, 0.0, np.inf
        for task in range(n_tasks):
            shares[task] = 0.0
            if present[task, row]:
                value, square = values[task, row], values.dtype.type(0)
                for d in range(dim):
                    square += value[d] * value[d]
                norm = np.float64(np.sqrt(square))
                shares[task] = norm
                n_present += 1
                length += norm
                longest = max(longest, norm)
                if norm > 0:
                    shortest = min(shortest, norm)
        mean = length / n_present if by_row and length > 0 else 1.0
        of_all = 0.0
        for task in range(n_tasks):
            if present[task, row]:
                norm = shares[task]
                share = 1.0
                if form == SOFTMAX:
                    share = np.exp((norm - longest) / mean / temperature)
                elif form == PROPORTIONAL and length > 0:
                    share = norm
                elif form == INVERSE and norm > 0:
                    share = shortest / norm
                shares[task] = share
                of_all += share
        if present[0, row]:
            main = shares[0] / of_all
            if logit:
                rest = main + (1 - focus) * (of_all - shares[0]) / of_all
                main, side = (main / rest, (1 - focus) / rest) if rest > 0 else (1.0, 0.0)
            else:
                main, side = (1 - focus) * main + focus, 1 - focus
        else:
            main, side = 0.0, (1 - focus) if fade else 1.0
        count = n_present if keep else 1
        of_row = total[row]
        of_row[:] = 0
        for task in range(n_tasks):
            weight = values.dtype.type(count * (main if task == 0 else side * shares[task] / of_all))
            weights[task, row] = weight
            if weight != 0:
                value = values[task, row]
                for d in range(dim):
                    of_row[d] += weight * value[d]


@compiled
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
