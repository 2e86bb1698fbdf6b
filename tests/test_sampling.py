from collections import Counter

import pytest
import torch

from pipeline.data.relation import ITEM, USER
from pipeline.sampling import Sampler, Triplets
from tests.toy import relation

PAIRS = [(0, 0), (0, 1), (1, 2), (2, 3), (3, 4)]
RELATION = relation("recommendation", USER, ITEM, PAIRS, 4, 6)


def pairs(triplets: Triplets) -> list[tuple[int, int]]:
    return list(zip(triplets.heads.tolist(), triplets.tails.tolist(), strict=True))


def test_an_epoch_has_every_pair_once() -> None:
    assert sorted(pairs(Sampler(RELATION, seed=0).epoch(1, len(PAIRS)))) == PAIRS


def test_more_than_an_epoch_has_every_pair_equally_often() -> None:
    assert set(Counter(pairs(Sampler(RELATION, seed=0).epoch(1, 3 * len(PAIRS)))).values()) == {3}


def test_negatives_are_never_linked_and_reach_every_other_tail() -> None:
    triplets = Sampler(RELATION, seed=0).epoch(1, 2000)
    drawn = set(zip(triplets.heads.tolist(), triplets.negatives.tolist(), strict=True))
    assert drawn == {(u, i) for u in range(4) for i in range(6)} - set(PAIRS)


def test_a_head_that_is_linked_with_all_tails_does_not_hang() -> None:
    everything = relation("all", USER, ITEM, [(0, 0), (0, 1)], 1, 2)
    assert Sampler(everything, seed=0).epoch(1, 10).negatives.shape == (10,)


def test_same_key_same_draw_and_another_epoch_another() -> None:
    first, again = (Sampler(RELATION, seed=3).epoch(2, 50) for _ in range(2))
    assert torch.equal(first.negatives, again.negatives)
    assert not torch.equal(first.negatives, Sampler(RELATION, seed=3).epoch(3, 50).negatives)
    assert not torch.equal(first.negatives, Sampler(RELATION, seed=4).epoch(2, 50).negatives)


def test_a_relation_without_pairs_is_refused() -> None:
    with pytest.raises(ValueError, match="empty: there are no pairs to sample from"):
        Sampler(relation("empty", USER, ITEM, [], 1, 1), seed=0)
