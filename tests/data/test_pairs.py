"""How links become pairs, by hand."""

import numpy as np
import pytest

from pipeline.data.pairs import as_pairs
from pipeline.data.relation import ITEM, USER, Relation
from pipeline.errors import InputError


def links(pairs: list[tuple[int, int]], tail_type: str = USER, weights: list[float] | None = None) -> Relation:
    heads, tails = np.array(pairs, dtype=np.int64).T
    head_type = USER if tail_type == USER else ITEM
    return Relation("side", head_type, tail_type, heads, tails, 4, 4, None if weights is None else np.array(weights))


def pairs(relation: Relation) -> list[tuple[int, int]]:
    return list(zip(relation.heads.tolist(), relation.tails.tolist(), strict=True))


def test_directed_links_stay_as_they_are_each_once_without_oneself() -> None:
    assert pairs(as_pairs("trust", links([(1, 0), (0, 2), (1, 0), (3, 3)]), "directed")) == [(0, 2), (1, 0)]


def test_undirected_links_go_both_ways_and_their_weights_add_up() -> None:
    found = as_pairs("friends", links([(0, 1), (1, 0), (2, 1)], weights=[1.0, 2.0, 5.0]), "undirected")
    assert pairs(found) == [(0, 1), (1, 0), (1, 2), (2, 1)]
    assert found.weights is not None
    assert found.weights.tolist() == [3.0, 3.0, 5.0, 5.0]


def test_a_membership_may_have_the_number_of_its_head() -> None:
    assert pairs(as_pairs("genre", links([(2, 2), (0, 1), (2, 2)], "genre"), "membership")) == [(0, 1), (2, 2)]


def test_shared_links_heads_with_a_tail_in_common() -> None:
    found = as_pairs("basket", links([(0, 0), (1, 0), (3, 1)], "basket"), "shared")
    assert pairs(found) == [(0, 1), (1, 0)]
    assert (found.name, found.tail_type, found.n_tails) == ("basket", ITEM, 4)


def test_an_attribute_of_nearly_all_is_refused_before_it_fills_the_memory() -> None:
    n = 10_001
    links = Relation("city", "user", "city", np.arange(n), np.zeros(n, dtype=np.int64), n, 1)
    with pytest.raises(InputError) as refused:
        as_pairs("city", links, "shared")
    problem = "city: 100,020,001 pairs of users share a city (maximum 100,000,000)"
    fix = "remove what most of them share, or rank the city itself (shared: false)"
    assert str(refused.value) == f"{problem}. Fix: {fix}"
