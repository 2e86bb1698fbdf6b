"""The best unseen items of many users in one pass over their scores, compiled."""

import numpy as np
import numpy.typing as npt

from pipeline.kernels.compiling import compiled

__all__ = ["best_unseen"]

_Ints = npt.NDArray[np.int64]
_Floats = npt.NDArray[np.float32] | npt.NDArray[np.float64]

_BLOCK = 64  # scores


@compiled
def best_unseen(scores: _Floats, users: _Ints, offsets: _Ints, seen: _Ints, items: _Ints, best: _Floats) -> None:
    """The k largest scores of unseen items for every user, in descending order; ties go to the lower item number.

    Equivalent to a stable sort of the scores with seen items at -inf.

    The k-th largest block maximum is a lower bound that at least k scores reach, but few others.

    Args:
        scores: ``[n, n_items]``, without NaN; -inf is never selected. Modified: those of seen items become -inf.
        users: User number of each row ``[n]``.
        offsets: User u has seen ``seen[offsets[u]:offsets[u + 1]]``.
        seen: Item numbers, user by user.
        items: Output: item numbers ``[n, k]``; untouched where there are fewer than k.
        best: Output: their scores ``[n, k]``; must be -inf initially.
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


@compiled
def _block_maxima(scores: _Floats, maxima: _Floats) -> None:
    """The largest of every ``_BLOCK`` scores."""
    for block in range(maxima.size):
        highest = scores[block * _BLOCK]
        for score in scores[block * _BLOCK : (block + 1) * _BLOCK]:
            if score > highest:  # noqa: PLR1730  # max() would not be vectorised
                highest = score
        maxima[block] = highest


@compiled
def _insert(value: float, place: int, values: _Floats, places: _Ints) -> None:
    """Insert a value into descending ``values``, after all that are not smaller; the last one is dropped."""
    at = values.size - 1
    if not value > values[at]:
        return
    while at > 0 and values[at - 1] < value:
        values[at], places[at] = values[at - 1], places[at - 1]
        at -= 1
    values[at], places[at] = value, place
