"""Which interaction is in which part: at random, by time, one or some per user."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from pipeline.data.split import TEST, TRAIN, VALID
from pipeline.kernels.ties import mixed_bits
from pipeline.seeding import numpy_generator

__all__ = ["Splitting", "assign_last", "assign_one", "assign_random", "assign_stable", "assign_temporal", "n_torn"]


@dataclass(frozen=True)
class Splitting:
    """How to hold out interactions.

    Attributes:
        method: ``"random"`` (shares per user), ``"stable"`` (shares of all interactions, each by itself: none moves when
            others are added), ``"leave_one_out"`` (one per user, at random), ``"last_n"`` (the latest per user), ``"temporal"``
            (two global points in time), ``"given"`` (the data set's own parts).
        ratios: Shares of train, valid and test; used by ``random``, ``stable`` and ``temporal``.
        last_n: Interactions per user in valid and in test; used by ``last_n``.
        dates: First day of valid and first day of test; used by ``temporal`` instead of shares.
        seed: Seed of the split; used by all but ``temporal`` and ``given``.
        ties: Which of a user's interactions at the same time are later is ``"random"``, or they stay ``"together"``; used by
            ``last_n``.
        cold: Whether to ``"keep"`` or ``"drop"`` held-out interactions of cold-start users and items (not in train).
    """

    method: Literal["random", "leave_one_out", "last_n", "stable", "temporal", "given"] = "random"
    ratios: tuple[float, float, float] = (0.8, 0.1, 0.1)
    last_n: int = 1
    dates: tuple[str, str] | None = None
    seed: int = 0
    cold: Literal["keep", "drop"] = "keep"
    ties: Literal["random", "together"] = "random"


def assign_random(users: npt.NDArray[np.int64], ratios: tuple[float, float, float], seed: int) -> npt.NDArray[np.str_]:
    """Assign each interaction to a part at random within its user, with RecBole's part sizes (for comparable results).

    Of a user's n interactions, floor(n * ratio) go to test and to valid, but at least one to each while more than one is
    left for training: a single interaction goes to train, two to train and test, three to all parts.

    Args:
        users: User number of each interaction ``[n]``, in an order that must not depend on that of the raw data.
        ratios: Shares of train, valid, test; they sum to 1.
        seed: Seed of the split.

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
    return _first_of_each(users, (_noise(users, seed),), share[TEST], share[VALID])


def assign_one(users: npt.NDArray[np.int64], seed: int) -> npt.NDArray[np.str_]:
    """Leave-one-out: of each user, one random interaction goes to test and another to valid.

    Of two interactions, one goes to test and one to train; a single interaction goes to train.

    Args:
        users: As for ``assign_random``.
        seed: Seed of the split.

    Returns:
        A part for each interaction ``[n]``.
    """
    n_of = np.bincount(users)
    return _first_of_each(users, (_noise(users, seed),), (n_of > 1).astype(np.int64), (n_of > 2).astype(np.int64))  # noqa: PLR2004


def assign_stable(
    users: npt.NDArray[np.int64],
    items: npt.NDArray[np.int64],
    names: tuple[Sequence[str], Sequence[str]],
    ratios: tuple[float, float, float],
    seed: int,
) -> npt.NDArray[np.str_]:
    """Assign each interaction by a hash of its raw ids, so that it stays in its part when others are added or removed (ours).

    Sizes are those of the ratios on the average, not of every user: somebody with few interactions may have none in train.

    Args:
        users: User number of each interaction ``[n]``.
        items: Item number of each interaction ``[n]``.
        names: Raw ids of users and items, by number.
        ratios: Shares of train, valid, test; they sum to 1.
        seed: Seed of the split.

    Returns:
        ``"train"``, ``"valid"`` or ``"test"`` for each interaction ``[n]``.
    """
    of_users, of_items = (np.array([_hash(f"{seed}/{name}") for name in of], dtype=np.uint64) for of in names)
    mixed = mixed_bits(of_users[users] ^ mixed_bits(of_items[items]))
    place = mixed.astype(np.float64) / 2.0**64
    return np.select([place < ratios[0], place < ratios[0] + ratios[1]], [TRAIN, VALID], TEST).astype("<U5")


def _hash(text: str) -> int:
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "little")


def assign_last(
    users: npt.NDArray[np.int64], timestamps: npt.NDArray[np.int64], n: int, seed: int = 0, *, together: bool = False
) -> npt.NDArray[np.str_]:
    """Assign the latest ``n`` interactions of each user to test, and the ``n`` before them to valid.

    If a user has too few, test is filled before valid, but one interaction always stays in train.

    Args:
        users: As for ``assign_random``.
        timestamps: Seconds ``[n_interactions]``.
        n: Interactions per user and part.
        seed: Decides which of several interactions at the same time counts as later.
        together: Whether a user's interactions at the same time stay in one part instead: with the latest ``n`` go all that are
            as late as any of them, and those at the earliest time are in train.

    Returns:
        A part for each interaction ``[n_interactions]``.
    """
    if together:
        return _last_together(users, timestamps, n)
    n_of = np.bincount(users)
    in_test = np.minimum(n, np.maximum(n_of - 1, 0))
    in_valid = np.minimum(n, np.maximum(n_of - 1 - in_test, 0))
    return _first_of_each(users, (_noise(users, seed), -timestamps), in_test, in_valid)


def _last_together(users: npt.NDArray[np.int64], timestamps: npt.NDArray[np.int64], n: int) -> npt.NDArray[np.str_]:
    frame = pd.DataFrame({"user": users, "time": timestamps})
    size = frame.groupby(["user", "time"], sort=True).size()
    of_user = size.groupby(level="user")
    later = of_user.sum().reindex(size.index, level="user") - of_user.cumsum()  # interactions of the user at later times
    earliest = of_user.cumcount() == 0
    in_test = (later < n) & ~earliest
    n_test = size.where(in_test, 0).groupby(level="user").sum()
    in_valid = ~in_test & ~earliest & (later - n_test.reindex(size.index, level="user") < n)
    part = pd.Series(np.select([in_test, in_valid], [TEST, VALID], TRAIN), index=size.index)
    return part.reindex(pd.MultiIndex.from_frame(frame)).to_numpy().astype("<U5")


def n_torn(users: npt.NDArray[np.int64], timestamps: npt.NDArray[np.int64], parts: npt.NDArray[np.str_]) -> int:
    """Number of users who have interactions of the same time in several parts."""
    frame = pd.DataFrame({"user": users, "time": timestamps, "part": parts})
    n_parts = frame.drop_duplicates().groupby(["user", "time"]).size()
    return int(n_parts[n_parts > 1].index.get_level_values("user").nunique())


def _noise(users: npt.NDArray[np.int64], seed: int) -> npt.NDArray[np.float64]:
    return numpy_generator(seed, "split").random(users.size)


def _first_of_each(
    users: npt.NDArray[np.int64],
    keys: tuple[npt.NDArray[Any], ...],
    in_test: npt.NDArray[np.int64],
    in_valid: npt.NDArray[np.int64],
) -> npt.NDArray[np.str_]:
    """Parts ``[n]``: by ascending ``keys``, the last one first, a user's first ``in_test`` go to test, the next to valid."""
    order = np.lexsort((*keys, users))
    n_of = np.bincount(users)
    rank = np.arange(users.size) - np.repeat(np.cumsum(n_of) - n_of, n_of)
    by_user = users[order]
    parts = np.full(users.size, TRAIN, dtype="<U5")
    parts[order] = np.select([rank < in_test[by_user], rank < (in_test + in_valid)[by_user]], [TEST, VALID], TRAIN)
    return parts


def assign_temporal(
    timestamps: npt.NDArray[np.int64], ratios: tuple[float, float, float], dates: tuple[str, str] | None = None
) -> npt.NDArray[np.str_]:
    """Assign each interaction to a part by two global points in time, so that no model learns from the future.

    Args:
        timestamps: Seconds ``[n]``.
        ratios: Shares of train, valid, test: the two points are quantiles of the timestamps; simultaneous interactions stay
            in one part.
        dates: The two points themselves: the first day of valid and of test, as ``"2024-05-31"``, at 0:00 UTC.

    Returns:
        ``"train"``, ``"valid"`` or ``"test"`` for each interaction ``[n]``.
    """
    if dates is None:
        ordered = np.sort(timestamps)
        # The first timestamp that is no longer in train, and the first that is in test.
        edges = [int(ordered[min(round(len(ordered) * q), len(ordered) - 1)]) for q in (ratios[0], ratios[0] + ratios[1])]
    else:
        edges = [int(np.datetime64(day, "s").astype(np.int64)) for day in dates]
    return np.select([timestamps < edges[0], timestamps < edges[1]], [TRAIN, VALID], TEST).astype("<U5")
