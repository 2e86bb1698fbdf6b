"""The best unseen items of many users in one pass over their scores, compiled."""

import numpy as np
import numpy.typing as npt

from pipeline.kernels.compiling import compiled
from pipeline.kernels.ties import tie_key

__all__ = ["best_unseen"]

_Ints = npt.NDArray[np.int64]
_Floats = npt.NDArray[np.float32] | npt.NDArray[np.float64]

_BLOCK = 64  # scores


@compiled
def best_unseen(
    scores: _Floats, users: _Ints, offsets: _Ints, seen: _Ints, popularity: _Ints, items: _Ints, best: _Floats
) -> None:
    """The k largest scores of unseen items for every user, in descending order.

    Ties go to the more popular item, and then to the one with the lower ``tie_key``. Seen items count as -inf.

    The k-th largest block maximum is a lower bound that at least k scores reach, but few others.

    Args:
        scores: ``[n, n_items]``, without NaN; -inf is never selected. Modified: those of seen items become -inf.
        users: User number of each row ``[n]``.
        offsets: User u has seen ``seen[offsets[u]:offsets[u + 1]]``.
        seen: Item numbers, user by user.
        popularity: Of every item ``[n_items]``.
        items: Output: item numbers ``[n, k]``; untouched where there are fewer than k.
        best: Output: their scores ``[n, k]``; must be -inf initially.
    """
    k, n_items = items.shape[1], scores.shape[1]
    n_blocks = (n_items + _BLOCK - 1) // _BLOCK
    maxima, bounds = np.empty(n_blocks, scores.dtype), np.empty(k, scores.dtype)
    for row in range(scores.shape[0]):
        for item in seen[offsets[users[row]] : offsets[users[row] + 1]]:
            scores[row, item] = -np.inf
        _block_maxima(scores[row], maxima)
        bounds[:] = -np.inf
        for maximum in maxima:
            _insert_value(maximum, bounds)
        bound = bounds[k - 1]
        user = users[row]
        for block in range(n_blocks):
            if maxima[block] >= bound:
                for item in range(block * _BLOCK, min((block + 1) * _BLOCK, n_items)):
                    if scores[row, item] >= bound and scores[row, item] > -np.inf:
                        _insert(scores[row, item], item, user, popularity, best[row], items[row])


_tie_key = compiled(tie_key)


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
def _insert_value(value: float, values: _Floats) -> None:
    """Insert a value into descending ``values``; the last one is dropped."""
    at = values.size - 1
    if not value > values[at]:
        return
    while at > 0 and values[at - 1] < value:
        values[at] = values[at - 1]
        at -= 1
    values[at] = value


@compiled
def _insert(score: float, item: int, user: int, popularity: _Ints, scores: _Floats, items: _Ints) -> None:
    """Insert an item into a descending list; the last one is dropped."""
    at = scores.size - 1
    if not _precedes(score, item, scores[at], items[at], user, popularity):
        return
    while at > 0 and _precedes(score, item, scores[at - 1], items[at - 1], user, popularity):
        scores[at], items[at] = scores[at - 1], items[at - 1]
        at -= 1
    scores[at], items[at] = score, item


@compiled
def _precedes(score: float, item: int, other_score: float, other: int, user: int, popularity: _Ints) -> bool:
    if score != other_score:
        return score > other_score
    if popularity[item] != popularity[other]:
        return bool(popularity[item] > popularity[other])
    return bool(_tie_key(user, item) < _tie_key(user, other))
