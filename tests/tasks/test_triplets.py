from collections import Counter

import pytest
import torch

from pipeline.data.examples import HEADS, NEGATIVES, TAILS, Examples
from pipeline.data.relation import ITEM, USER, NodeTypes, Relation
from pipeline.tasks._triplets import TripletSampler
from pipeline.tasks.base import Draw, Negatives, Score
from tests.toy import relation, tasks_of

PAIRS = [(0, 0), (0, 1), (1, 2), (2, 3), (3, 4)]
RELATION = relation("recommendation", USER, ITEM, PAIRS, 4, 6)


def sampler(links: Relation, seed: int, negatives: Negatives = "uniform") -> TripletSampler:
    """Whose node types all begin at row 0, so that rows are node numbers."""
    (task,) = tasks_of([links])
    return TripletSampler(task, _AtZero.of([links]), seed, negatives=negatives)


class _AtZero(NodeTypes):
    def offset(self, node_type: str) -> int:
        return 0


def draw(
    links: Relation, seed: int, epoch: int, n: int, negatives: Negatives = "uniform", score: Score | None = None
) -> Examples:
    return sampler(links, seed, negatives).epoch(Draw(epoch, n, score=score))


def pairs(triplets: Examples) -> list[tuple[int, int]]:
    return list(zip(triplets[HEADS].tolist(), triplets[TAILS].tolist(), strict=True))


def test_an_epoch_has_every_pair_once() -> None:
    assert sorted(pairs(draw(RELATION, 0, 1, len(PAIRS)))) == PAIRS


def test_more_than_an_epoch_has_every_pair_equally_often() -> None:
    assert set(Counter(pairs(draw(RELATION, 0, 1, 3 * len(PAIRS)))).values()) == {3}


def test_negatives_are_never_linked_and_reach_every_other_tail() -> None:
    triplets = draw(RELATION, 0, 1, 2000)
    drawn = set(zip(triplets[HEADS].tolist(), triplets[NEGATIVES].tolist(), strict=True))
    assert drawn == {(u, i) for u in range(4) for i in range(6)} - set(PAIRS)


def test_a_head_that_is_linked_with_all_tails_does_not_hang() -> None:
    everything = relation("all", USER, ITEM, [(0, 0), (0, 1)], 1, 2)
    assert draw(everything, 0, 1, 10)[NEGATIVES].shape == (10,)


def test_same_key_same_draw_and_another_epoch_another() -> None:
    first, again = (draw(RELATION, 3, 2, 50) for _ in range(2))
    assert torch.equal(first[NEGATIVES], again[NEGATIVES])
    assert not torch.equal(first[NEGATIVES], draw(RELATION, 3, 3, 50)[NEGATIVES])
    assert not torch.equal(first[NEGATIVES], draw(RELATION, 4, 2, 50)[NEGATIVES])


def test_a_relation_without_pairs_is_refused() -> None:
    with pytest.raises(ValueError, match="empty: there are no pairs to sample from"):
        sampler(relation("empty", USER, ITEM, [], 1, 1), 0)


def test_popular_tails_are_drawn_as_their_counts_to_the_power_of_three_quarters() -> None:
    """Tail 1 has 16 pairs, tail 0 has 1; of head 0, linked with neither, 1 is drawn 16^.75 = 8 times as often as 0."""
    links = [(0, 2), (1, 0), *((head, 1) for head in range(2, 18))]
    many = relation("r", USER, ITEM, links, 18, 3)
    triplets = draw(many, 0, 1, 18 * 2000, negatives="popularity")
    drawn = triplets[NEGATIVES][triplets[HEADS] == 0]
    assert (drawn == 1).sum() / (drawn == 0).sum() == pytest.approx(16**0.75, rel=0.2)


def test_the_proposal_is_the_share_of_each_tail_among_popular_draws() -> None:
    """Tail 3, which 12 of 14 heads are linked with, is drawn far less than its popularity says.

    Head 0 is linked with all tails and keeps what it draws last.
    """
    links = [*((0, tail) for tail in range(4)), *((head, 3) for head in range(1, 12)), (12, 0), (13, 1), (13, 2)]
    popular = sampler(relation("r", USER, ITEM, links, 14, 4), 0, "popularity")
    triplets = popular.epoch(Draw(1, len(links) * 4000))
    found = torch.bincount(triplets[NEGATIVES], minlength=4) / len(triplets[NEGATIVES])
    assert popular.proposal is not None
    assert found.tolist() == pytest.approx(popular.proposal.tolist(), rel=0.05)


def test_hard_negatives_are_the_best_scored_of_some_draws_and_still_not_linked() -> None:
    """Scored by their number, tail 5, which nobody is linked with, wins unless none of five draws from 4 or 5 tails is it."""
    triplets = draw(RELATION, 0, 1, 3000, "hard", lambda _, tails: tails.double())
    drawn = set(zip(triplets[HEADS].tolist(), triplets[NEGATIVES].tolist(), strict=True))
    assert not drawn & set(PAIRS)
    share = (triplets[NEGATIVES] == 5).double().mean().item()
    assert share + 0.03 > 1 - (1 - 1 / 5) ** 5
    assert share - 0.03 < 1 - (1 - 1 / 4) ** 5
