"""Which of the methods compared is to be served: the best on validation."""

from collections.abc import Mapping
from statistics import fmean

__all__ = ["champion"]


def champion(validated: Mapping[tuple[str, int], float]) -> tuple[str, int]:
    """The method with the best mean over its seeds, and of its seeds the best.

    The test part has no say, so that its metrics stay what they are: an estimate for a choice that was made without them.

    Args:
        validated: (method, seed) -> NDCG@20 on validation; at least one. Of equal ones the first wins.
    """
    methods = dict.fromkeys(method for method, _ in validated)
    means = {method: fmean(value for (of, _), value in validated.items() if of == method) for method in methods}
    best = max(means, key=means.__getitem__)
    return max((key for key in validated if key[0] == best), key=validated.__getitem__)
