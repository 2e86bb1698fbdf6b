"""By hand on a few interactions, and on a checkerboard, which all that look at both sides must give back."""

from typing import Any

import numpy as np
import pytest
import torch

from pipeline import plugins
from pipeline.baselines.ease import ease
from pipeline.baselines.ials import ials
from pipeline.baselines.implicit_bpr import implicit_bpr
from pipeline.baselines.item_knn import item_knn
from pipeline.baselines.popularity import popularity
from pipeline.data.relation import ITEM, USER, Relation
from pipeline.ranking.top_k import NO_ITEM, ItemLists, ranking_tables, top_k
from pipeline.training.device import make_deterministic
from tests.toy import interactions

PAIRS = [(0, 0), (0, 1), (1, 0), (1, 1), (2, 1), (2, 2)]


def relation(pairs: list[tuple[int, int]], n_users: int, n_items: int) -> Relation:
    heads, tails = np.array(pairs, dtype=np.int64).T
    return Relation("recommendation", USER, ITEM, heads.copy(), tails.copy(), n_users, n_items)


SMALL = relation(PAIRS, 3, 3)


def test_popularity_counts_users() -> None:
    tables = popularity(SMALL, 0)
    assert tables[ITEM].tolist() == [[2.0], [3.0], [1.0]]
    assert tables[USER].tolist() == [[1.0]] * 3


def test_item_knn_is_the_cosine_of_the_nearest() -> None:
    """Items 0, 1, 2 have 2, 3, 1 users; 0 and 1 share 2, 1 and 2 share 1, 0 and 2 none. Each keeps its nearest: 1, 0, 1."""
    near, far = 2 / 6**0.5, 1 / 3**0.5
    whole = item_knn(SMALL, 0)[ITEM]
    torch.testing.assert_close(whole, torch.tensor([[0, near, 0], [near, 0, far], [0, far, 0]]))
    nearest = item_knn(SMALL, 0, neighbours=1)[ITEM]
    torch.testing.assert_close(nearest, torch.tensor([[0, near, 0], [near, 0, 0], [0, far, 0]]))
    shrunk = item_knn(SMALL, 0, shrink=2.0)[ITEM]
    assert shrunk[0, 1].item() == pytest.approx(2 / (6**0.5 + 2))


def test_ease_solves_the_penalised_problem_with_an_empty_diagonal() -> None:
    """Of all matrices with that diagonal, the gradient of the objective vanishes off it."""
    l2 = 3.0
    weights = ease(SMALL, 0, l2=l2)[ITEM].T.double()  # items to items, as in the paper
    assert weights.diagonal().tolist() == [0.0] * 3
    taken = torch.zeros(3, 3, dtype=torch.float64)
    taken[tuple(torch.tensor(PAIRS).T)] = 1
    gradient = taken.T @ (taken @ weights - taken) + l2 * weights
    gradient.fill_diagonal_(0)
    torch.testing.assert_close(gradient, torch.zeros(3, 3, dtype=torch.float64), atol=1e-6, rtol=0)


def checkerboard() -> tuple[Relation, dict[int, int]]:
    """Users take the items of their colour but for one each; which one."""
    missing = {user: (2 * (user // 2) + user % 2) % 16 for user in range(32)}
    pairs = [(u, i) for u in range(32) for i in range(16) if i % 2 == u % 2 and i != missing[u]]
    return relation(pairs, 32, 16), missing


@pytest.mark.parametrize("name", plugins.names("baselines"))
def test_a_checkerboard_is_given_back(name: str) -> None:
    make_deterministic(1)
    train, missing = checkerboard()
    options: dict[str, Any] = {"ials": {"dim": 8}, "implicit_bpr": {"dim": 8, "iterations": 300}, "ease": {"l2": 1.0}}
    frame = interactions(list(zip(train.heads.tolist(), train.tails.tolist(), strict=True)))
    tables = plugins.load("baselines", name)(train, 0, **options.get(name, {}))
    if "user" in tables and (tables["user"] == tables["user"][0]).all():
        pytest.skip("recommends the same to everybody")
    seen = ItemLists.of([frame], 32, 16)
    best, _ = top_k(*ranking_tables(tables, frame, 32), seen, torch.arange(32), 1)
    assert best.squeeze(1).tolist() == list(missing.values())
    assert NO_ITEM not in best


@pytest.mark.parametrize("fit", [ials, implicit_bpr])
def test_the_same_seed_gives_the_same_factors_and_scores_are_the_librarys(fit: object) -> None:
    assert callable(fit)
    train, _ = checkerboard()
    first, again, other = (fit(train, seed, dim=8, iterations=5) for seed in (0, 0, 1))
    assert torch.equal(first[ITEM], again[ITEM])
    assert not torch.equal(first[ITEM], other[ITEM])
    assert first[USER].shape[1] == first[ITEM].shape[1] == (8 if fit is ials else 9)  # implicit's BPR has a bias
