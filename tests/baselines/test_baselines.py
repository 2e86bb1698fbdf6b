"""By hand on a few interactions, and on a checkerboard, which all that look at both sides must give back."""

from typing import Any

import numpy as np
import pytest
import scipy.sparse
import torch

from pipeline import memory, plugins
from pipeline.baselines._item_item import attribute_matrix, best_linear_model
from pipeline.baselines.add_ease import add_ease
from pipeline.baselines.base import interaction_matrix
from pipeline.baselines.cease import cease
from pipeline.baselines.ease import ease
from pipeline.baselines.implicit_als import implicit_als
from pipeline.baselines.implicit_bpr import implicit_bpr
from pipeline.baselines.item_knn import item_knn
from pipeline.baselines.popularity import popularity
from pipeline.baselines.slim import slim
from pipeline.data.relation import ITEM, USER, Relation
from pipeline.data.split import Split
from pipeline.data.task_data import TaskData
from pipeline.errors import MachineError
from pipeline.ranking.item_lists import ItemLists
from pipeline.ranking.scoring import HISTORY, NO_ITEM, WEIGHTS, Scoring
from pipeline.ranking.top_k import top_k
from pipeline.training.device import make_deterministic
from pipeline.training.validation import Validation
from tests.toy import interactions, tasks_of

PAIRS = [(0, 0), (0, 1), (1, 0), (1, 1), (2, 1), (2, 2)]


def relation(pairs: list[tuple[int, int]], n_users: int, n_items: int) -> Relation:
    heads, tails = np.array(pairs, dtype=np.int64).T
    return Relation("recommendation", USER, ITEM, heads.copy(), tails.copy(), n_users, n_items)


SMALL = tasks_of([relation(PAIRS, 3, 3)])


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


def test_slim_is_ridge_regression_on_the_nearest_items() -> None:
    """Item 1 shares users with both others, items 0 and 2 with item 1 alone; each regression is solved by hand."""
    tables = slim(SMALL, 0, neighbours=5, l2=2.0)
    offsets, items, values = (tables[name] for name in WEIGHTS)
    assert offsets.tolist() == [0, 1, 3, 4]
    assert items.tolist() == [1, 0, 2, 1]
    # G = [[2, 2, 0], [2, 3, 1], [0, 1, 1]]: 2 / (3 + 2), then diag(2, 1) + 2 I against (2, 1), then 1 / (3 + 2).
    assert values.tolist() == pytest.approx([2 / 5, 2 / 4, 1 / 3, 1 / 5])
    nearest = slim(SMALL, 0, neighbours=1, l2=2.0)
    assert nearest[WEIGHTS[1]].tolist() == [1, 0, 1], "by cosine item 0 is nearer to item 1 than item 2 is"


def test_slim_with_all_neighbours_is_ease() -> None:
    generator = np.random.default_rng(0)
    pairs = [(user, item) for user in range(60) for item in range(8) if generator.random() < 0.6]
    tables = slim(tasks_of([relation(pairs, 60, 8)]), 0, neighbours=7, l2=3.0)
    dense = ease(tasks_of([relation(pairs, 60, 8)]), 0, l2=3.0)[ITEM]
    offsets, items, values = (tables[name] for name in WEIGHTS)
    found = torch.zeros(8, 8)
    found[torch.repeat_interleave(torch.arange(8), offsets.diff()), items] = values
    torch.testing.assert_close(found, dense, rtol=1e-5, atol=1e-6)


def test_slim_with_all_neighbours_ranks_like_its_dense_matrix() -> None:
    train, _ = checkerboard()
    frame = interactions(list(zip(train.heads.tolist(), train.tails.tolist(), strict=True)))
    seen = ItemLists.of([frame], 32, 16)
    served = Validation(Split(frame, frame, frame, 32, 16)).served(slim(tasks_of([train]), 0, neighbours=16, l2=1.0))
    dense = torch.zeros(16, 16)
    offsets, items, values = (served[name] for name in WEIGHTS)
    dense[torch.repeat_interleave(torch.arange(16), offsets.diff()), items] = values
    sparse_lists, sparse_scores = top_k(Scoring.of(served, seen), seen, torch.arange(32), 3)
    plain = {ITEM: dense, **{name: served[name] for name in HISTORY}}
    lists, scores = top_k(Scoring.of(plain, seen), seen, torch.arange(32), 3)
    torch.testing.assert_close(sparse_scores, scores)
    assert (sparse_lists == lists).float().mean() > 0.9, "equal scores may differ in the last bit"


@pytest.mark.parametrize("name", ["ease", "cease", "add_ease", "item_knn"])
def test_a_catalogue_that_does_not_fit_is_refused_before_anything_is_computed(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(memory, "free_memory", lambda: 2.0**30)
    big = tasks_of([relation(PAIRS, 3, 20_000)])
    with pytest.raises(MachineError, match=rf"{name}: a dense matrix of 20,000 x 20,000 items needs about 14.9 GiB"):
        plugins.load("baselines", name)(big, 0)
    slim(big, 0)


TAGGED = [*SMALL, TaskData("tag", "ranking", Relation("tag", ITEM, "tag", np.array([0, 2]), np.array([0, 0]), 3, 1))]


def test_attributes_are_rows_that_are_weighed_by_how_rare_they_are() -> None:
    views = Relation("co_view", ITEM, ITEM, np.array([0]), np.array([1]), 3, 3)
    rows = attribute_matrix([*TAGGED, TaskData("co_view", "ranking", views)]).toarray()
    expected = [[np.log(3 / 2), 0, np.log(3 / 2)], [np.log(3), 0, 0], [np.log(3 / 2), np.log(3 / 2), 0], [0, 0, np.log(3)]]
    np.testing.assert_allclose(rows, expected, rtol=1e-6)


def test_cease_is_ease_with_the_attributes_as_further_users() -> None:
    taken = interaction_matrix(SMALL).toarray()
    rows = np.vstack([taken, 0.5**0.5 * attribute_matrix(TAGGED).toarray()])
    expected = best_linear_model(scipy.sparse.csr_array(rows), 3.0).T
    np.testing.assert_allclose(cease(TAGGED, 0, l2=3.0, attributes=0.5)[ITEM].numpy(), expected, rtol=1e-5, atol=1e-6)
    assert torch.equal(cease(SMALL, 0, l2=3.0)[ITEM], ease(SMALL, 0, l2=3.0)[ITEM]), "without attributes it is EASE"


def test_add_ease_is_the_sum_of_two() -> None:
    alone = best_linear_model(interaction_matrix(SMALL), 3.0)
    attributes = best_linear_model(attribute_matrix(TAGGED), 2.0)
    found = add_ease(TAGGED, 0, l2=3.0, attribute_l2=2.0, share=0.7)[ITEM].numpy()
    np.testing.assert_allclose(found, (0.7 * alone + 0.3 * attributes).T, rtol=1e-5, atol=1e-6)


def test_item_knn_counts_attributes_as_users() -> None:
    """Items 0 and 2 share no user, but a tag of weight log(3/2)^2."""
    weight = 0.5 * np.log(3 / 2) ** 2
    found = item_knn(TAGGED, 0, attributes=0.5)[ITEM]
    assert found[0, 2].item() == pytest.approx(weight / ((2 + weight) * (1 + weight)) ** 0.5, rel=1e-5)


def checkerboard() -> tuple[Relation, dict[int, int]]:
    """Users take the items of their colour but for one each; which one."""
    missing = {user: (2 * (user // 2) + user % 2) % 16 for user in range(32)}
    pairs = [(u, i) for u in range(32) for i in range(16) if i % 2 == u % 2 and i != missing[u]]
    return relation(pairs, 32, 16), missing


@pytest.mark.parametrize("name", plugins.names("baselines"))
def test_a_checkerboard_is_given_back(name: str) -> None:
    make_deterministic(1)
    train, missing = checkerboard()
    options: dict[str, Any] = {
        "implicit_als": {"dim": 8},
        "implicit_bpr": {"dim": 8, "iterations": 300},
        "ease": {"l2": 1.0},
        "cease": {"l2": 1.0},
        "add_ease": {"l2": 1.0},
    }
    frame = interactions(list(zip(train.heads.tolist(), train.tails.tolist(), strict=True)))
    tables = plugins.load("baselines", name)(tasks_of([train]), 0, **options.get(name, {}))
    if "user" in tables and (tables["user"] == tables["user"][0]).all():
        pytest.skip("recommends the same to everybody")
    seen = ItemLists.of([frame], 32, 16)
    served = Validation(Split(frame, frame, frame, 32, 16)).served(tables)
    best, _ = top_k(Scoring.of(served, seen), seen, torch.arange(32), 1)
    assert best.squeeze(1).tolist() == list(missing.values())
    assert NO_ITEM not in best


@pytest.mark.parametrize("fit", [implicit_als, implicit_bpr])
def test_the_same_seed_gives_the_same_factors_and_scores_are_the_librarys(fit: object) -> None:
    assert callable(fit)
    train, _ = checkerboard()
    first, again, other = (fit(tasks_of([train]), seed, dim=8, iterations=5) for seed in (0, 0, 1))
    assert torch.equal(first[ITEM], again[ITEM])
    assert not torch.equal(first[ITEM], other[ITEM])
    assert first[USER].shape[1] == first[ITEM].shape[1] == (8 if fit is implicit_als else 9)  # implicit's BPR has a bias
