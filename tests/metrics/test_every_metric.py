"""Every metric by hand on the same two lists, and NDCG against a second library.

User A has hits at ranks 1 and 3 of 4 and 3 relevant items; user B has one hit at rank 2 and 1 relevant item; user C none of 2.
"""

from math import log2

import numpy as np
import pytest
import sklearn.metrics
import torch

from pipeline import plugins

HITS = torch.tensor([[1, 0, 1, 0], [0, 1, 0, 0], [0, 0, 0, 0]], dtype=torch.bool)
N_RELEVANT = torch.tensor([3, 1, 2])

BY_HAND = {
    "recall": [2 / 3, 1 / 1, 0],
    "precision": [2 / 4, 1 / 4, 0],
    "hit_rate": [1, 1, 0],
    "mrr": [1 / 1, 1 / 2, 0],
    "ndcg": [(1 + 1 / log2(4)) / (1 + 1 / log2(3) + 1 / log2(4)), 1 / log2(3), 0],
}


@pytest.mark.parametrize("metric", plugins.names("metrics"))
def test_by_hand(metric: str) -> None:
    values = plugins.load("metrics", metric)(HITS, N_RELEVANT)
    torch.testing.assert_close(values, torch.tensor(BY_HAND[metric], dtype=torch.float64))


@pytest.mark.parametrize("metric", ["ndcg", "mrr", "hit_rate", "precision"])
def test_a_perfect_list_has_value_one(metric: str) -> None:
    values = plugins.load("metrics", metric)(torch.ones(1, 3, dtype=torch.bool), torch.tensor([5]))
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
