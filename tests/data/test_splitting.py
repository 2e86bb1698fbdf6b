from collections import Counter

import numpy as np
import pytest

from pipeline.data.split import TEST, TRAIN
from pipeline.data.splitting import assign_last, assign_one, assign_random, assign_temporal, n_torn

RATIOS = (0.8, 0.1, 0.1)


@pytest.mark.parametrize(
    ("n", "counts"),
    [
        (1, {"train": 1}),
        (2, {"train": 1, "test": 1}),
        (3, {"train": 1, "valid": 1, "test": 1}),
        (9, {"train": 7, "valid": 1, "test": 1}),
        (10, {"train": 8, "valid": 1, "test": 1}),
        (25, {"train": 21, "valid": 2, "test": 2}),
    ],
)
def test_counts_per_user(n: int, counts: dict[str, int]) -> None:
    assert Counter(assign_random(np.zeros(n, np.int64), RATIOS, seed=0).tolist()) == counts


def test_every_user_is_split_on_its_own() -> None:
    users = np.repeat(np.arange(50), 10)
    parts = assign_random(users, RATIOS, seed=0)
    assert Counter(users[parts == "test"].tolist()) == dict.fromkeys(range(50), 1)


def test_the_split_seed_decides() -> None:
    users = np.repeat(np.arange(50), 10)
    assert np.array_equal(assign_random(users, RATIOS, 1), assign_random(users, RATIOS, 1))
    assert not np.array_equal(assign_random(users, RATIOS, 1), assign_random(users, RATIOS, 2))


def test_every_place_is_equally_likely_to_be_held_out() -> None:
    users = np.repeat(np.arange(4000), 10)
    held = assign_random(users, RATIOS, 0).reshape(4000, 10) == "test"
    assert held.mean(axis=0) == pytest.approx(np.full(10, 0.1), abs=0.02)


def test_temporal_parts_follow_each_other_and_moments_are_not_torn() -> None:
    timestamps = np.array([5, 1, 2, 3, 4, 6, 7, 8, 9, 9, 9, 10], dtype=np.int64)
    parts = assign_temporal(timestamps, (0.5, 0.25, 0.25))
    by_part = {part: timestamps[parts == part] for part in ("train", "valid", "test")}
    assert by_part["train"].tolist() == [5, 1, 2, 3, 4, 6]
    assert by_part["valid"].tolist() == [7, 8]
    assert by_part["test"].tolist() == [9, 9, 9, 10]


@pytest.mark.parametrize(
    ("n", "counts"),
    [
        (1, {"train": 1}),
        (2, {"train": 1, "test": 1}),
        (3, {"train": 1, "valid": 1, "test": 1}),
        (9, {"train": 7, "valid": 1, "test": 1}),
    ],
)
def test_leave_one_out_takes_one_of_each_user(n: int, counts: dict[str, int]) -> None:
    assert Counter(assign_one(np.zeros(n, np.int64), seed=0).tolist()) == counts


def test_the_last_n_are_the_latest_of_each_user() -> None:
    """User 0 has five interactions at 1 to 5, user 1 has two, user 2 has one."""
    users = np.array([0, 0, 0, 0, 0, 1, 1, 2])
    timestamps = np.array([3, 1, 5, 2, 4, 9, 8, 7])
    one = assign_last(users, timestamps, 1)
    assert one.tolist() == ["train", "train", "test", "train", "valid", "test", "train", "train"]
    two = assign_last(users, timestamps, 2)
    assert two.tolist() == ["valid", "train", "test", "valid", "test", "test", "train", "train"]


def test_dates_cut_at_midnight_utc() -> None:
    day = 86_400
    timestamps = np.array([0, day - 1, day, 2 * day - 1, 2 * day])
    parts = assign_temporal(timestamps, RATIOS, ("1970-01-02", "1970-01-03"))
    assert parts.tolist() == ["train", "train", "valid", "valid", "test"]


def test_which_of_simultaneous_interactions_is_last_is_chance_and_no_order() -> None:
    """Of 3,000 users with five interactions on one day, every place is held out as often."""
    users, days = np.repeat(np.arange(3000), 5), np.zeros(15_000, dtype=np.int64)
    held = assign_last(users, days, 1, seed=0).reshape(3000, 5) == TEST
    assert held.sum(axis=1).tolist() == [1] * 3000
    assert (abs(held.mean(axis=0) - 0.2) < 0.03).all()
    assert (assign_last(users, days, 1, seed=0) != assign_last(users, days, 1, seed=1)).any()
    assert n_torn(users, days, assign_last(users, days, 1)) == 3000


def test_what_is_simultaneous_can_stay_together() -> None:
    """By hand: times of a user -> parts, for the last one and the last two."""
    for times, n, expected in (
        ([1, 2, 3], 1, ["train", "valid", "test"]),
        ([1, 2, 3, 3], 1, ["train", "valid", "test", "test"]),
        ([1, 2, 2, 3, 3], 2, ["train", "valid", "valid", "test", "test"]),
        ([1, 2, 3, 4, 4], 1, ["train", "train", "valid", "test", "test"]),
        ([5, 5, 5], 1, ["train", "train", "train"]),
        ([1, 2, 2], 1, ["train", "test", "test"]),
        ([7], 1, ["train"]),
    ):
        order = np.random.default_rng(0).permutation(len(times))
        parts = assign_last(np.zeros(len(times), dtype=np.int64), np.array(times)[order], n, together=True)
        assert parts.tolist() == [expected[place] for place in order]


def test_together_tears_nothing_and_holds_out_at_least_as_much_where_it_can() -> None:
    generator = np.random.default_rng(1)
    users, days = generator.integers(0, 200, 3000), generator.integers(0, 8, 3000)
    parts = assign_last(users, days, 2, together=True)
    assert n_torn(users, days, parts) == 0
    for user in range(200):
        mine, times = parts[users == user], days[users == user]
        assert (mine == TRAIN).any()
        assert (mine == TEST).sum() >= 2
        assert times[mine == TEST].min() > times[mine != TEST].max()
