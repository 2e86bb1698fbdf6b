"""Users cut into thirds by the length of their history: the groups of telemetry and of the leader board are the same."""

import numpy as np
import numpy.typing as npt

__all__ = ["ACTIVITY_GROUPS", "COLD", "ITEM_GROUPS", "activity_groups"]

COLD = "cold"
"""Users and items without training interactions."""

ITEM_GROUPS = ("head", "middle", "tail", COLD)
"""Items that have the first, second and third third of the interactions, most popular items first; and those that have none."""

ACTIVITY_GROUPS = ("short", "medium", "long")


def activity_groups(history: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Place in ``ACTIVITY_GROUPS`` of every user ``[n_users]``.

    Ties go to the shorter third; users without a history are in the first and do not move the cuts.

    Args:
        history: Number of training interactions of each user ``[n_users]``.

    >>> activity_groups(np.array([1, 1, 5, 5, 9, 9, 0])).tolist()
    [0, 0, 1, 1, 2, 2, 0]
    """
    return np.searchsorted(np.quantile(history[history > 0], [1 / 3, 2 / 3]), history)
