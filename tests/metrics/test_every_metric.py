"""Every metric by hand on the same two lists, and NDCG against a second library.

User A has hits at ranks 1 and 3 of 4 and 3 relevant items; user B has one hit at rank 2 and 1 relevant item; user C none of 2.
"""

from math import log, log2
from typing import Any

import numpy as np
import pytest
import sklearn.metrics
import torch
from torch import Tensor

from pipeline import plugins
from pipeline.errors import InputError, ParamsError
from pipeline.metrics.base import NO_ITEM, evaluate, is_lower_better, lower_is_better, needs
from pipeline.ranking.item_lists import ItemLists
from tests.toy import interactions

HITS = torch.tensor([[1, 0, 1, 0], [0, 1, 0, 0], [0, 0, 0, 0]], dtype=torch.bool)
N_RELEVANT = torch.tensor([3, 1, 2])

BY_HAND = {
    "recall": [2 / 3, 1 / 1, 0],
    "precision": [2 / 4, 1 / 4, 0],
    "hit_rate": [1, 1, 0],
    "mrr": [1 / 1, 1 / 2, 0],
    "ndcg": [(1 + 1 / log2(4)) / (1 + 1 / log2(3) + 1 / log2(4)), 1 / log2(3), 0],
}


# Two lists of a catalogue of 4: items 0 and 1, and item 1 alone. Item 0 has category a, item 1 a and b, item 2 b.
LISTS: dict[str, Any] = {
    "items": torch.tensor([[0, 1], [1, NO_ITEM]]),
    "users": torch.tensor([0, 1]),
    "n_items": 4,
    "popularity": torch.tensor([4, 2, 1, 1]),
    "history": ItemLists.of([interactions([(0, 0), (1, 2)])], 2, 4),
    "attributes": {"category": ItemLists.of([interactions([(0, 0), (1, 0), (1, 1), (2, 1)])], 4, 2)},
}
OF_LISTS = {
    "coverage": 2 / 4,
    "popularity": (4 + 2 + 2) / 3,
    "novelty": [(-log2(4 / 8) - log2(2 / 8)) / 2, -log2(2 / 8)],
    "gini": (1 * 1 + 3 * 2) / (4 * 3),  # counts 0, 0, 1, 2 in ascending order
    "diversity": [1 - 1 / 2, 0],
    # The first user's tastes are (1, 0), the list's (1 + 1/2, 1/2) / 2; the second's (0, 1) and (1/2, 1/2).
    "calibration": [-log(0.99 * 0.75 + 0.01), -log(0.99 * 0.5 + 0.01)],
}


@pytest.mark.parametrize("metric", BY_HAND)
def test_by_hand(metric: str) -> None:
    values = evaluate(plugins.load("metrics", metric), {"hits": HITS, "n_relevant": N_RELEVANT})
    torch.testing.assert_close(values, torch.tensor(BY_HAND[metric], dtype=torch.float64))


@pytest.mark.parametrize("metric", OF_LISTS)
def test_of_lists_by_hand(metric: str) -> None:
    values = evaluate(plugins.load("metrics", metric), LISTS)
    torch.testing.assert_close(values, torch.tensor(OF_LISTS[metric], dtype=torch.float64))


def test_novelty_of_what_one_or_nobody_has_had() -> None:
    """An item without interactions counts as if it had one; so does one that has one."""
    inputs = {"items": torch.tensor([[0], [1], [2]]), "popularity": torch.tensor([1, 0, 7])}
    found = evaluate(plugins.load("metrics", "novelty"), inputs)
    torch.testing.assert_close(found, torch.tensor([log2(8), log2(8), -log2(7 / 8)], dtype=torch.float64))


def test_a_metric_that_needs_what_no_ranking_has_is_refused() -> None:
    def wrong(hits: torch.Tensor, weather: torch.Tensor) -> torch.Tensor:
        return hits

    with pytest.raises(ParamsError, match=r"metrics\.wrong: needs 'weather', which no ranking has"):
        needs(wrong)


@pytest.mark.parametrize("metric", ["diversity", "calibration"])
def test_a_metric_of_attributes_says_so_where_items_have_none(metric: str) -> None:
    with pytest.raises(InputError, match="the data set has no side table of items"):
        evaluate(plugins.load("metrics", metric), LISTS | {"attributes": {}})


@pytest.mark.parametrize("metric", ["ndcg", "mrr", "hit_rate", "precision"])
def test_a_perfect_list_has_value_one(metric: str) -> None:
    inputs = {"hits": torch.ones(1, 3, dtype=torch.bool), "n_relevant": torch.tensor([5])}
    values = evaluate(plugins.load("metrics", metric), inputs)
    assert values.tolist() == [1.0]


def test_ndcg_is_that_of_scikit_learn() -> None:
    rng = np.random.default_rng(0)
    relevance = (rng.random((50, 30)) < 0.2).astype(int)
    relevance[:, 0] = 1
    scores = rng.random((50, 30))
    k = 10
    order = np.argsort(-scores, axis=1)[:, :k]
    hits = torch.from_numpy(np.take_along_axis(relevance, order, axis=1) > 0)
    ours = plugins.load("metrics", "ndcg")(hits, torch.from_numpy(relevance.sum(1)))
    assert ours.mean().item() == pytest.approx(sklearn.metrics.ndcg_score(relevance, scores, k=k), abs=1e-12)


def test_a_metric_of_which_less_is_better_is_marked() -> None:
    def misses(hits: Tensor) -> Tensor:
        return 1 - hits.double()

    assert not is_lower_better(misses)
    assert is_lower_better(lower_is_better(misses))
