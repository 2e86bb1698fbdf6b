"""Numbers that look random and are always the same: the order of what is equally good, and parts that do not change."""

from typing import Any

import numpy as np

__all__ = ["mixed_bits", "tie_key"]

_U: Any = np.uint64


def tie_key(user: Any, item: Any) -> Any:
    """A number that looks random (the finaliser of splitmix64), so that ties are broken otherwise for every user."""
    key = _U(user + 1) * _U(0x9E3779B97F4A7C15) ^ _U(item + 1) * _U(0xC2B2AE3D27D4EB4F)
    key = (key ^ (key >> _U(30))) * _U(0xBF58476D1CE4E5B9)
    key = (key ^ (key >> _U(27))) * _U(0x94D049BB133111EB)
    return key ^ (key >> _U(31))


def mixed_bits(numbers: Any) -> Any:
    """The same finaliser for an array of uint64."""
    key = (numbers ^ (numbers >> _U(30))) * _U(0xBF58476D1CE4E5B9)
    key = (key ^ (key >> _U(27))) * _U(0x94D049BB133111EB)
    return key ^ (key >> _U(31))
