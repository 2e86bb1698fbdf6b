"""Membership of many pairs in a relation."""

import numpy as np
import numpy.typing as npt

from pipeline.kernels.compiling import compiled

__all__ = ["find_pairs"]

_Ints = npt.NDArray[np.int64]
_Floats = npt.NDArray[np.float32] | npt.NDArray[np.float64]


@compiled
def find_pairs(heads: _Ints, tails: _Ints, offsets: _Ints, known: _Ints, found: npt.NDArray[np.bool_]) -> None:
    """``found[i]``: whether tails[i] is among the ascending ``known[offsets[h]:offsets[h + 1]]`` of h = heads[i].

    Equivalent to a binary search in the sorted keys of all pairs, but within one head's list, which fits in the cache.
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
