import numpy as np
import pytest
import torch

from pipeline.data.relation import ITEM, USER, SideTable
from pipeline.data.split import Split
from pipeline.errors import InputError
from pipeline.evaluation.evaluation import evaluate_model
from pipeline.evaluation.evaluator import find_hits, metric_values, per_user, rank
from pipeline.kernels import compiling
from pipeline.kernels.ties import tie_key
from pipeline.metrics.coverage import coverage
from pipeline.metrics.ndcg import ndcg
from pipeline.metrics.recall import recall
from pipeline.ranking.item_lists import ItemLists
from pipeline.ranking.scoring import NO_ITEM, plain_top_k
from pipeline.ranking.top_k import top_k
from tests.toy import interactions, relation, scoring

NONE = interactions([])


def test_item_lists_unite_tables_and_drop_repetitions() -> None:
    lists = ItemLists.of([interactions([(0, 2), (2, 1)]), interactions([(0, 1), (0, 2)])], n_users=3, n_items=4)
    assert lists.lengths().tolist() == [2, 0, 1]
    position, items = lists.pairs(torch.tensor([2, 0, 1]))
    assert list(zip(position.tolist(), items.tolist(), strict=True)) == [(0, 1), (1, 1), (1, 2)]


@pytest.fixture(params=["compiled", "plain"], autouse=True)
def _either_way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """The compiled ranking, and the plain one that a GPU uses."""
    if request.param == "plain":
        monkeypatch.setattr(compiling, "numba", None)


def test_seen_items_are_never_recommended() -> None:
    users, items = torch.ones(1, 1), torch.tensor([[4.0], [3.0], [2.0], [1.0]])
    seen = ItemLists.of([interactions([(0, 0), (0, 2)])], 1, 4)
    best, scores = top_k(scoring(users, items), seen, torch.tensor([0]), k=3)
    assert best.tolist() == [[1, 3, NO_ITEM]]
    assert scores.tolist() == [[3.0, 1.0, -torch.inf]]


def test_ties_go_to_the_more_popular_item_also_at_the_end_of_the_list() -> None:
    users, items = torch.ones(1, 1), torch.tensor([[1.0], [2.0], [1.0], [1.0], [2.0]])
    table = scoring(users, items, popularity=[1, 0, 3, 2, 5])
    best, _ = top_k(table, ItemLists.of([NONE], 1, 5), torch.tensor([0]), k=3)
    assert best.tolist() == [[4, 1, 2]]


def test_other_ties_are_broken_by_a_hash_that_every_user_has_for_itself() -> None:
    users, items = torch.ones(200, 1), torch.ones(50, 1)
    best, _ = top_k(scoring(users, items), ItemLists.of([NONE], 200, 50), torch.arange(200), k=10)
    assert best[0].tolist() == sorted(range(50), key=tie_key(np.array([0]), np.arange(50).astype(np.uint64)).__getitem__)[:10]
    counts = torch.bincount(best.flatten(), minlength=50)  # 40 each, were it random
    assert counts.min() > 20
    assert counts.max() < 65


def test_a_user_of_whom_nothing_is_known_gets_what_is_popular() -> None:
    table = scoring(torch.zeros(1, 3), torch.randn(4, 3), popularity=[5, 7, 1, 6])
    best, _ = top_k(table, ItemLists.of([interactions([(0, 3)])], 1, 4), torch.tensor([0]), k=4)
    assert best.tolist() == [[1, 0, 2, NO_ITEM]]


def test_a_catalogue_smaller_than_k_ends_early() -> None:
    items = torch.tensor([[2.0], [1.0]])
    best, _ = top_k(scoring(torch.ones(1, 1), items), ItemLists.of([NONE], 1, 2), torch.tensor([0]), k=4)
    assert best.tolist() == [[0, 1, NO_ITEM, NO_ITEM]]


def test_long_lists_are_those_of_the_plain_ranking_and_are_not_quadratic() -> None:
    """Beyond 256 they are sorted; ties included."""
    scores = scoring(torch.randn(3, 4).round(decimals=1), torch.randn(900, 4).round(decimals=1), list(range(900)))
    seen = ItemLists.of([interactions([(0, 5), (2, 7)])], 3, 900)
    for k in (255, 256, 257, 900, 1000):
        for one, other in zip(
            top_k(scores, seen, torch.arange(3), k), plain_top_k(scores, seen, torch.arange(3), k), strict=True
        ):
            assert torch.equal(one, other)


def test_a_cut_off_beyond_the_catalogue_is_refused_before_it_takes_memory() -> None:
    split = Split(interactions([(0, 0)]), interactions([(0, 1)]), interactions([(0, 2)]), 1, 3)
    tables = {"user": torch.ones(1, 2), "item": torch.ones(3, 2)}
    with pytest.raises(InputError) as refused:
        evaluate_model(tables, split, dict, metrics=["recall"], cutoffs=[10, 10**9])
    problem = "1000000000 is longer than the catalogue of 3 items"
    assert str(refused.value) == f"evaluate.cutoffs: {problem}. Fix: write 3 or less"
    assert evaluate_model(tables, split, dict, metrics=["recall"], cutoffs=[10]).metrics == {"recall@10": 1.0}


def test_hits_are_the_relevant_ones_among_the_recommended() -> None:
    relevant = ItemLists.of([interactions([(0, 1), (1, 3), (1, 0)])], 2, 4)
    hits = find_hits(torch.tensor([[0, 3], [1, NO_ITEM]]), torch.tensor([1, 0]), relevant)
    assert hits.tolist() == [[True, True], [True, False]]


def test_values_by_hand() -> None:
    """User 0 sees items 2, 1, 0 in this order (scores 3, 2, 1); item 1 is relevant: recall@1 = 0, @2 = 1."""
    users, items = torch.tensor([[1.0], [1.0]]), torch.tensor([[1.0], [2.0], [3.0]])
    relevant = ItemLists.of([interactions([(0, 1)])], 2, 3)
    ranking = rank(scoring(users, items), ItemLists.of([NONE], 2, 3), relevant, 2)
    table = per_user(ranking, {"recall": recall}, [1, 2])
    assert table.to_dict("records") == [{"user": 0, "recall@1": 0.0, "recall@2": 1.0}]
    assert ranking.items.tolist() == [[2, 1]]
    assert ranking.scores.tolist() == [[3.0, 2.0]]


def test_does_not_depend_on_the_batch_size() -> None:
    generator = torch.Generator().manual_seed(0)
    users, items = torch.randn(37, 8, generator=generator), torch.randn(50, 8, generator=generator)
    relevant = ItemLists.of([interactions([(u, (u * 7) % 50) for u in range(37)])], 37, 50)
    seen = ItemLists.of([interactions([(u, (u * 3) % 50) for u in range(37)])], 37, 50)
    tables = [per_user(rank(scoring(users, items), seen, relevant, 10, b), {"ndcg": ndcg}, [10]) for b in (1, 5, 64)]
    assert tables[0].equals(tables[1])
    assert tables[0].equals(tables[2])


def test_nobody_with_a_held_out_item_is_refused() -> None:
    none = ItemLists.of([NONE], 1, 1)
    with pytest.raises(ValueError, match="no user has a held-out item"):
        rank(scoring(torch.ones(1, 1), torch.ones(1, 1)), none, none, 1)


def test_a_metric_of_the_whole_ranking_has_no_values_per_user_and_what_no_metric_needs_is_not_made() -> None:
    """Two users with one item of four between them."""
    users, items = torch.ones(2, 1), torch.tensor([[1.0], [2.0], [3.0], [0.0]])
    relevant = ItemLists.of([interactions([(0, 2), (1, 0)])], 2, 4)
    ranking = rank(scoring(users, items), ItemLists.of([NONE], 2, 4), relevant, 1)

    def never() -> None:
        raise AssertionError

    others = {"n_items": lambda: 4, "popularity": never}
    values, wholes = metric_values(ranking, {"coverage": coverage, "recall": recall}, [1], others)
    assert wholes == {"coverage@1": 1 / 4}
    assert values.to_dict("list") == {"user": [0, 1], "recall@1": [1.0, 0.0]}


def test_nobody_to_whom_anything_is_relevant_has_no_hit() -> None:
    nothing = ItemLists.of([NONE], 2, 4)
    assert not find_hits(torch.tensor([[0, 1], [2, NO_ITEM]]), torch.tensor([0, 1]), nothing).any()


def test_attributes_are_of_side_tables_that_link_items_with_what_is_neither_item_nor_user() -> None:
    split = Split(interactions([(0, 0)]), NONE, interactions([(0, 1)]), 1, 3)
    tables = {USER: torch.ones(1, 1), ITEM: torch.tensor([[0.0], [3.0], [2.0]])}
    one, other = (relation("genre", ITEM, "genre", pairs, 3, 2) for pairs in ([(1, 0), (2, 0)], [(1, 0), (2, 1)]))
    social, similar = relation("social", USER, USER, [], 1, 1), relation("similar", ITEM, ITEM, [(1, 2)], 3, 3)
    for genre, expected in ((one, 0.0), (other, 1.0)):
        sides = {name: SideTable(links, None) for name, links in (("genre", genre), ("social", social), ("similar", similar))}
        found = evaluate_model(tables, split, lambda sides=sides: sides, metrics=["diversity"], cutoffs=[2])  # type: ignore[misc]
        assert found.metrics["diversity@2"] == pytest.approx(expected)
