"""The rule pmtrec_inverse per entity in one pass over the gradients."""

import numpy as np
import numpy.typing as npt

from pipeline.kernels.compiling import compiled

__all__ = ["INVERSE", "PROPORTIONAL", "SOFTMAX", "UNIFORM", "pmtrec_inverse"]

_Ints = npt.NDArray[np.int64]
_Floats = npt.NDArray[np.float32] | npt.NDArray[np.float64]


INVERSE, SOFTMAX, PROPORTIONAL, UNIFORM = range(4)  # forms of the weights


@compiled
def pmtrec_inverse(  # noqa: PLR0912  # the branches are the options of the rule
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
    """One pass over the gradients. Equivalent to ``combiners.pmtrec_inverse``, which states the formulas.

    Args:
        values: ``[n_tasks, n_rows, dim]``.
        present: ``[n_tasks, n_rows]``; at least one task touches every row.
        form: Form of the weights: ``INVERSE``, ``SOFTMAX``, ``PROPORTIONAL`` or ``UNIFORM``.
        by_row: Whether norms are divided by their mean over the row's tasks.
        temperature: Softmax temperature.
        logit: Whether the focus is ``"logit"``, not ``"convex"``.
        focus: l(s), the current strength of Task Focusing.
        fade: Whether the weights of rows without the main task shrink to a sum of 1 - l(s).
        keep: Whether weights are multiplied by the number of tasks of the row.
        weights: Output ``[n_tasks, n_rows]``.
        total: Output ``[n_rows, dim]``.
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
