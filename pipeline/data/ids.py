"""Raw ids (text) <-> numbers 0..n-1."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

__all__ = ["UNKNOWN", "IdMap"]

UNKNOWN = -1


@dataclass(frozen=True, eq=False)
class IdMap:
    """A numbering of raw ids, in the order of the ids as text, so that it does not depend on the order of the input.

    >>> ids = IdMap.of(["b", "a", "b"])
    >>> ids.numbers(["a", "b", "c"]).tolist()
    [0, 1, -1]
    >>> list(ids.raw([1, 0]))
    ['b', 'a']
    """

    index: pd.Index

    @classmethod
    def of(cls, raw_ids: Iterable[str]) -> "IdMap":
        """Number the distinct values of ``raw_ids``."""
        return cls(pd.Index(np.unique(np.asarray(list(raw_ids), dtype=object)), dtype="str"))

    def __len__(self) -> int:
        return len(self.index)

    def numbers(self, raw_ids: Iterable[str]) -> npt.NDArray[np.int64]:
        """Numbers of raw ids; ``UNKNOWN`` (-1) for an id that is not in the map."""
        return self.index.get_indexer(pd.Index(list(raw_ids), dtype="str")).astype(np.int64)

    def raw(self, numbers: Iterable[int]) -> npt.NDArray[np.object_]:
        """Raw ids of numbers."""
        return self.index.to_numpy(dtype=object)[np.asarray(list(numbers), dtype=np.int64)]
