"""Split: train, valid and test, disjoint, together all interactions."""

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from pipeline.data.relation import ITEM, USER, Relation
from pipeline.seeding import numpy_generator

__all__ = ["PARTS", "Split", "Splitting", "assign_last", "assign_one", "assign_random", "assign_temporal"]

TRAIN, VALID, TEST = PARTS = ("train", "valid", "test")


@dataclass(frozen=True)
class Splitting:
    """How to hold out interactions.

    Attributes:
        method: ``"random"`` (shares per user), ``"leave_one_out"`` (one per user, at random), ``"last_n"`` (the latest per
            user), ``"temporal"`` (two global points in time), ``"given"`` (the data set's own parts).
        ratios: Shares of train, valid, test, of ``random`` and ``temporal``.
        last_n: Of ``last_n``.
        dates: Of ``temporal``, instead of shares.
        seed: Of ``random`` and ``leave_one_out``.
        cold: What becomes of held-out interactions whose user or item has none in train: ``"keep"`` or ``"drop"``.
    """

    method: Literal["random", "leave_one_out", "last_n", "temporal", "given"]
    ratios: tuple[float, float, float]
    last_n: int
    dates: tuple[str, str] | None
    seed: int
    cold: Literal["keep", "drop"]


@dataclass(frozen=True, eq=False)
class Split:
    """Interactions in numbers, in three disjoint parts.

    Attributes:
        train, valid, test: Columns ``user`` and ``item`` (int64).
        n_users: Declared number of users; some may have no interaction in a part.
        n_items: Declared number of items.
    """

    train: pd.DataFrame
    valid: pd.DataFrame
    test: pd.DataFrame
    n_users: int
    n_items: int

    def train_relation(self) -> Relation:
        """The training interactions as the relation of the main task."""
        users, items = (self.train[column].to_numpy(np.int64) for column in ("user", "item"))
        return Relation("recommendation", USER, ITEM, users, items, self.n_users, self.n_items)


def assign_random(users: npt.NDArray[np.int64], ratios: tuple[float, float, float], seed: int) -> npt.NDArray[np.str_]:
    """A part for every interaction, at random within each user, as RecBole counts them (so that numbers compare).

    A user with n interactions gives floor(n * ratio) to test and to valid, but at least one to each while more than one
    is left for training; so a user with one interaction has it in train, with two has train and test, with three all.

    Args:
        users: User number of each interaction ``[n]``; the caller's order of rows must not depend on the input's.
        ratios: Shares of train, valid, test; they sum to 1.
        seed: The split's own seed.

    Returns:
        ``"train"``, ``"valid"`` or ``"test"`` for each interaction ``[n]``.
    """
    n_of = np.bincount(users)
    in_train = n_of.copy()
    share = {}
    for part, ratio in ((TEST, ratios[2]), (VALID, ratios[1])):
        # The small term keeps floor(10 * 0.1) at 1 where the product is 0.999...
        exact = np.floor(n_of * ratio + 1e-9).astype(np.int64)
        share[part] = np.where((exact == 0) & (in_train > 1) & (ratio > 0), 1, exact)
        in_train -= share[part]
    return _first_of_each(users, _noise(users, seed), share[TEST], share[VALID])


def assign_one(users: npt.NDArray[np.int64], seed: int) -> npt.NDArray[np.str_]:
    """Leave one out: one interaction of each user, at random, to test and one to valid.

    Users with two interactions have one in test, those with one have it in train.

    Args:
        users: As for ``assign_random``.
        seed: The split's own seed.

    Returns:
        A part for each interaction ``[n]``.
    """
    n_of = np.bincount(users)
    return _first_of_each(users, _noise(users, seed), (n_of > 1).astype(np.int64), (n_of > 2).astype(np.int64))  # noqa: PLR2004


def assign_last(users: npt.NDArray[np.int64], timestamps: npt.NDArray[np.int64], n: int) -> npt.NDArray[np.str_]:
    """The latest ``n`` interactions of each user to test, the ``n`` before them to valid.

    Test comes first where a user has too few, but one interaction stays in train. Among equally late ones the order of the
    rows decides.

    Args:
        users: As for ``assign_random``.
        timestamps: Seconds ``[n_interactions]``.
        n: Interactions per user and part.

    Returns:
        A part for each interaction ``[n_interactions]``.
    """
    n_of = np.bincount(users)
    in_test = np.minimum(n, np.maximum(n_of - 1, 0))
    in_valid = np.minimum(n, np.maximum(n_of - 1 - in_test, 0))
    return _first_of_each(users, -timestamps, in_test, in_valid)


def _noise(users: npt.NDArray[np.int64], seed: int) -> npt.NDArray[np.float64]:
    return numpy_generator(seed, "split").random(users.size)


def _first_of_each(
    users: npt.NDArray[np.int64],
    key: npt.NDArray[Any],
    in_test: npt.NDArray[np.int64],
    in_valid: npt.NDArray[np.int64],
) -> npt.NDArray[np.str_]:
    """A part for each interaction ``[n]``: by ascending ``key`` within a user, so many are test, so many after them valid."""
    order = np.lexsort((key, users))
    n_of = np.bincount(users)
    rank = np.arange(users.size) - np.repeat(np.cumsum(n_of) - n_of, n_of)
    by_user = users[order]
    parts = np.full(users.size, TRAIN, dtype="<U5")
    parts[order] = np.select([rank < in_test[by_user], rank < (in_test + in_valid)[by_user]], [TEST, VALID], TRAIN)
    return parts


def assign_temporal(
    timestamps: npt.NDArray[np.int64], ratios: tuple[float, float, float], dates: tuple[str, str] | None = None
) -> npt.NDArray[np.str_]:
    """A part for every interaction by two global points in time, so that nothing learns from the future.

    Args:
        timestamps: Seconds ``[n]``.
        ratios: Shares of train, valid, test: the two points are quantiles of the time stamps; interactions of one moment are
            never torn apart.
        dates: The two points themselves: the first day of valid and of test, as ``"2024-05-31"``, at 0:00 UTC.

    Returns:
        ``"train"``, ``"valid"`` or ``"test"`` for each interaction ``[n]``.
    """
    if dates is None:
        ordered = np.sort(timestamps)
        # The first time stamp that is no longer in train, and the first that is in test.
        edges = [int(ordered[min(round(len(ordered) * q), len(ordered) - 1)]) for q in (ratios[0], ratios[0] + ratios[1])]
    else:
        edges = [int(np.datetime64(day, "s").astype(np.int64)) for day in dates]
    return np.select([timestamps < edges[0], timestamps < edges[1]], [TRAIN, VALID], TEST).astype("<U5")
