"""What a placebo keeps and what it destroys."""

import numpy as np
import pytest

from pipeline.data.placebo import Placebo, placebo
from pipeline.data.relation import ITEM, USER, Relation


def friends(n: int = 300) -> Relation:
    """Everybody knows the next four, both ways."""
    one = np.repeat(np.arange(n), 4)
    two = (one + np.tile(np.arange(1, 5), n)) % n
    heads, tails = np.concatenate([one, two]), np.concatenate([two, one])
    return Relation("social", USER, USER, heads, tails, n, n)


def tags(n: int = 300) -> Relation:
    """Items have one to three of 20 tags, neighbours the same ones."""
    pairs = {(item, (item // 15 + j) % 20) for item in range(n) for j in range(1 + item % 3)}
    heads, tails = np.array(sorted(pairs)).T
    return Relation("category", ITEM, "tag", heads, tails, n, 20)


def keys(relation: Relation) -> set[tuple[int, int]]:
    return set(zip(relation.heads.tolist(), relation.tails.tolist(), strict=True))


@pytest.mark.parametrize("relation", [friends(), tags()], ids=["social", "category"])
def test_rewiring_keeps_every_degree_and_hardly_a_link(relation: Relation) -> None:
    found = placebo(relation, "rewired", seed=0)
    for side, n in (("heads", relation.n_heads), ("tails", relation.n_tails)):
        before, after = (np.bincount(getattr(one, side), minlength=n) for one in (relation, found))
        assert np.array_equal(before, after)
    assert len(keys(found)) == found.n_edges == relation.n_edges
    # By chance alone a pair of 20 tags and so many items meets again more often than one of 300 friends.
    assert len(keys(found) & keys(relation)) / relation.n_edges < (0.05 if relation.name == "social" else 0.25)
    if relation.head_type == relation.tail_type:
        assert all(head != tail and (tail, head) in keys(found) for head, tail in keys(found))


@pytest.mark.parametrize("relation", [friends(), tags()], ids=["social", "category"])
def test_shuffling_moves_whole_sets_of_links(relation: Relation) -> None:
    found = placebo(relation, "shuffled", seed=0)
    assert np.array_equal(np.sort(np.bincount(found.heads)), np.sort(np.bincount(relation.heads)))
    assert len(keys(found) & keys(relation)) / relation.n_edges < 0.25
    if relation.name == "category":
        sets = [sorted(frozenset(one.tails[one.heads == item].tolist()) for item in range(300)) for one in (relation, found)]
        assert sorted(map(sorted, sets[0])) == sorted(map(sorted, sets[1]))


@pytest.mark.parametrize("kind", ["rewired", "shuffled"])
def test_the_seed_decides(kind: Placebo) -> None:
    assert keys(placebo(friends(), kind, 1)) == keys(placebo(friends(), kind, 1))
    assert keys(placebo(friends(), kind, 1)) != keys(placebo(friends(), kind, 2))


def test_weights_stay_positive_and_as_they_were() -> None:
    relation = friends()
    weighted = Relation("w", USER, USER, relation.heads, relation.tails, 300, 300, np.arange(1.0, relation.n_edges + 1))
    for kind in ("rewired", "shuffled"):
        weights = placebo(weighted, kind, 0).weights
        assert weights is not None
        assert sorted(weights) == sorted(np.arange(1.0, relation.n_edges + 1))


def test_rewired_friendships_weigh_the_same_both_ways() -> None:
    """Also where the weights change hands."""
    rng = np.random.default_rng(0)
    one, two = (side[:300] for side in np.unique(rng.integers(0, 60, (600, 2)), axis=0).T)
    once = one < two
    one, two = one[once], two[once]
    weights = np.arange(1.0, one.size + 1)
    both = Relation(
        "friends", "user", "user", np.concatenate([one, two]), np.concatenate([two, one]), 60, 60, np.tile(weights, 2)
    )
    found = placebo(both, "rewired", 0)
    assert found.weights is not None
    of = {(h, t): w for h, t, w in zip(found.heads.tolist(), found.tails.tolist(), found.weights.tolist(), strict=True)}
    assert all(of[tail, head] == weight for (head, tail), weight in of.items())
    assert sorted(of.values()) == sorted(np.tile(weights, 2))
