from dataclasses import replace
from pathlib import Path

import pytest
import torch

from pipeline.artifacts import new_folder
from pipeline.data.ids import IdMap
from pipeline.data.relation import ITEM, USER, Relation
from pipeline.data.split import Split
from pipeline.errors import InputError, IntegrityError
from pipeline.evaluation.evaluator import rank
from pipeline.ranking.explanation import explain, explain_item, explain_user
from pipeline.ranking.fold_in import LeastSquares, MultiHot, Softmax
from pipeline.ranking.item_lists import ItemLists
from pipeline.ranking.links import Links
from pipeline.ranking.query import Query
from pipeline.ranking.recommender import Recommender
from pipeline.ranking.scoring import HISTORY, NO_ITEM, WEIGHTS, Scoring, plain_top_k
from pipeline.ranking.storage import load_recommender, save_recommender
from pipeline.training.learning import LEARN
from tests.toy import interactions, scoring, tasks_of

ITEMS = torch.tensor([[1.0], [2.0], [3.0]])


@pytest.fixture
def recommender() -> Recommender:
    """Scores are 3, 2, 1 for items c, b, a; user y has seen c; b is the most popular."""
    return Recommender(
        IdMap.of(["x", "y"]),
        IdMap.of(["a", "b", "c"]),
        scoring(torch.ones(2, 1), ITEMS, popularity=[0, 2, 1]),
        ItemLists.of([interactions([(1, 2)])], 2, 3),
        Softmax(ITEMS),
    )


def items_of(model: Recommender, user: str, k: int = 3, **filters: object) -> list[str]:
    return list(model.recommend([user], k, **filters)["item_id"])


def test_best_unseen_items_by_raw_id(recommender: Recommender) -> None:
    answer = recommender.recommend(["y", "x"], k=2)
    assert answer[["user_id", "rank", "item_id", "score"]].to_numpy().tolist() == [
        ["y", 1, "b", 2.0],
        ["y", 2, "a", 1.0],
        ["x", 1, "c", 3.0],
        ["x", 2, "b", 2.0],
    ]
    assert answer["basis"].tolist() == ["history", "history", "links", "links"], "x has no history, but a row"


def test_lists_end_where_everything_is_seen(recommender: Recommender) -> None:
    assert len(recommender.recommend(["y"], k=9)) == 2


def test_filters(recommender: Recommender) -> None:
    assert items_of(recommender, "y", exclude=["b", "no such item"]) == ["a"]
    assert items_of(recommender, "x", only=["a", "b"]) == ["b", "a"]
    assert items_of(recommender, "y", only=["c"]) == []
    assert items_of(recommender, "y", only=["no such item"]) == []
    assert items_of(recommender, "y", exclude_seen=False) == ["c", "b", "a"]
    assert items_of(recommender, "y", only=["c", "a"], exclude=["a"], exclude_seen=False) == ["c"]


def test_filters_are_the_same_for_few_weights_per_item(recommender: Recommender) -> None:
    offsets, places, values = torch.arange(4), torch.arange(3), torch.ones(3)
    history = ItemLists.of([interactions([(0, 0), (0, 1), (1, 2)])], 2, 3)
    tables = {
        **dict(zip(WEIGHTS, (offsets, places, values), strict=True)),
        **dict(zip(HISTORY, (history.offsets, history.items), strict=True)),
    }
    sparse = replace(recommender, scoring=Scoring.of(tables, history))
    plain = {key: of for key, of in tables.items() if key not in WEIGHTS} | {ITEM: torch.eye(3)}
    dense = replace(recommender, scoring=Scoring.of(plain, history))
    for filters in ({}, {"only": ["a", "b"]}, {"exclude": ["a"]}, {"only": ["b"], "exclude_seen": False}):
        assert sparse.recommend(["x", "y"], 3, **filters).equals(dense.recommend(["x", "y"], 3, **filters))


def test_unknown_users_get_what_is_popular(recommender: Recommender) -> None:
    answer = recommender.recommend(["stranger"], k=2)
    assert answer["item_id"].tolist() == ["b", "c"]
    assert answer["basis"].tolist() == ["popular"] * 2
    assert answer["score"].tolist() == [0, 0], "a number, as JSON has no NaN"


def test_a_user_without_training_interactions_is_as_unknown_as_a_new_one(recommender: Recommender) -> None:
    """Its row is zero: what was drawn for it would be noise."""
    users = torch.tensor([[1.0], [0.0]])
    untrained = replace(recommender, scoring=replace(recommender.scoring, users=users))
    answer = untrained.recommend(["y", "x"], k=2)
    assert answer["basis"].tolist() == ["popular", "popular", "links", "links"]
    assert answer["item_id"].tolist() == ["b", "a", "c", "b"]  # y has seen c


def test_numbers_are_ids_too(recommender: Recommender) -> None:
    numbered = replace(recommender, user_ids=IdMap.of(["7", "8"]))
    assert numbered.recommend([7], k=1).equals(numbered.recommend(["7"], k=1))  # type: ignore[list-item]


def test_nobody_gets_an_empty_table(recommender: Recommender) -> None:
    assert recommender.recommend([]).empty


def test_k_must_be_positive(recommender: Recommender) -> None:
    with pytest.raises(ValueError, match="k must be >= 1, found 0"):
        recommender.recommend(["x"], k=0)


def test_a_history_of_unknown_items_is_none(recommender: Recommender) -> None:
    answer = recommender.recommend_for([["no such item"], ["a"]], k=2)
    assert answer[answer["user_id"] == "0"]["basis"].tolist() == ["popular"] * 2
    assert answer[answer["user_id"] == "1"]["basis"].tolist() == ["items"] * 2
    assert "a" not in answer[answer["user_id"] == "1"]["item_id"].tolist()


def test_similar_items_are_the_nearest_by_cosine() -> None:
    items = torch.tensor([[1.0, 0.0], [2.0, 0.1], [0.0, 1.0], [-1.0, 0.0]])
    nothing = ItemLists.of([interactions([])], 1, 4)
    ids = IdMap.of(["a", "b", "c", "d"])
    model = Recommender(IdMap.of(["x"]), ids, scoring(torch.ones(1, 2), items), nothing, Softmax(items))
    found = model.similar_items(["a", "no such item"], k=3)
    assert found["similar_id"].tolist() == ["b"], "neither itself nor what is opposite or at a right angle"
    assert found["score"].tolist() == pytest.approx([2 / (4 + 0.01) ** 0.5])


def test_similar_users_and_items_of_a_list_to_choose_from() -> None:
    users = torch.tensor([[1.0, 0.0], [1.0, 1.0], [0.0, 1.0]])
    items = torch.tensor([[1.0, 0.0], [2.0, 0.1], [3.0, 1.0], [1.0, 3.0]])
    nothing = ItemLists.of([interactions([])], 3, 4)
    names = IdMap.of(["x", "y", "z"]), IdMap.of(["a", "b", "c", "d"])
    model = Recommender(*names, scoring(users, items), nothing, Softmax(items))
    found = model.similar_users(["y"])
    assert sorted(found["similar_id"]) == ["x", "z"]
    assert found["score"].tolist() == pytest.approx([1 / 2**0.5] * 2)
    assert found["rank"].tolist() == [1, 2]
    assert model.similar_items(["a"], only=["d", "c"])["similar_id"].tolist() == ["c", "d"]
    assert model.similar_items(["a"], only=["d", "c"], exclude=["c"])["similar_id"].tolist() == ["d"]


@pytest.mark.parametrize(("dtype", "close"), [("float32", 0.0), ("int8", 0.02)])
def test_comes_back_from_disk_and_refuses_other_bytes(
    recommender: Recommender, tmp_path: Path, dtype: str, close: float
) -> None:
    relation = Relation("friends", USER, USER, torch.tensor([0]).numpy(), torch.tensor([1]).numpy(), 2, 2)
    model = replace(recommender, links=[Links.of(relation, {})], about={"dataset": "toy"}, titles={"a": "Alpha"})
    with new_folder(tmp_path / "r") as folder:
        save_recommender(model, folder, dtype)
    loaded = load_recommender(tmp_path / "r")
    one, other = (of.recommend(["y", "stranger"], k=2) for of in (loaded, model))
    assert one.drop(columns="score").equals(other.drop(columns="score"))
    assert one["score"].tolist() == pytest.approx(other["score"].tolist(), abs=close)
    assert (loaded.about, loaded.titles) == (model.about, model.titles)
    assert loaded.links[0].partners(USER, 1)[1].tolist() == [0]
    path = tmp_path / "r/tensors.safetensors"
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    with pytest.raises(IntegrityError):
        load_recommender(tmp_path / "r")


def test_few_weights_per_item_come_back_from_disk(tmp_path: Path) -> None:
    tables = {
        WEIGHTS[0]: torch.tensor([0, 1, 2, 2]),
        WEIGHTS[1]: torch.tensor([1, 0]),
        WEIGHTS[2]: torch.tensor([0.5, 0.25]),
        HISTORY[0]: torch.tensor([0, 1]),
        HISTORY[1]: torch.tensor([0]),
    }
    train = ItemLists.of([interactions([(0, 0)])], 1, 3)
    parts = Scoring.of(tables, train)
    recommender = Recommender(IdMap.of(["x"]), IdMap.of(["a", "b", "c"]), parts, train, MultiHot(parts.items))
    with new_folder(tmp_path / "r") as folder:
        save_recommender(recommender, folder)
    answer = load_recommender(tmp_path / "r").recommend(["x"], k=3)
    assert answer.equals(recommender.recommend(["x"], k=3))
    assert list(zip(answer["item_id"], answer["score"], strict=True)) == [("b", 0.25), ("c", 0.0)]


def test_what_is_recommended_is_what_is_evaluated_but_for_what_was_to_be_found() -> None:
    """A split in time: the user of the test part has no training interactions, and gets what is popular either way."""
    train, valid, test = interactions([(0, 2), (1, 2), (1, 0)]), interactions([(0, 1)]), interactions([(2, 0), (0, 0)])
    split = Split(train, valid, test, 3, 3)
    data = tasks_of([split.train_relation()])
    learned = LEARN["combiners"](data, split, 0, lambda _: None, rule=("single_task", {}), epochs=2, dim=4)
    seen = ItemLists.of([train, valid], 3, 3)
    ranking = rank(Scoring.of(learned.tables, ItemLists.of([train], 3, 3)), seen, ItemLists.of([test], 3, 3), 3)
    ids = IdMap.of(["0", "1", "2"])
    model = replace(Recommender.of(split, ids, ids, learned.tables), seen=seen)
    evaluated = [[str(item) for item in items if item != NO_ITEM] for items in ranking.items.tolist()]
    assert [items_of(model, user) for user in ("0", "2")] == evaluated
    assert evaluated[1] == ["2", "0", "1"]
    served = Recommender.of(split, ids, ids, learned.tables)
    assert items_of(served, "0") == [], "0 has all there is, if one counts the test part too"
    assert items_of(served, "2") == ["2", "1"]


def test_the_terms_of_the_solver_add_up_to_the_score() -> None:
    items = torch.randn(6, 3, generator=torch.Generator().manual_seed(0))
    fold = LeastSquares(items, torch.tensor([0.1, 0.02, 1.0], dtype=torch.float64))
    history = torch.tensor([0, 2, 5])
    row = fold.rows(ItemLists.of_lists([history.tolist()], 6))
    assert fold.pulls(history, 4).sum().item() == pytest.approx((row @ items[4]).item(), rel=1e-4)


def test_reasons_name_the_history_the_friends_and_what_items_share(recommender: Recommender) -> None:
    friends = Relation("friends", USER, USER, torch.tensor([0]).numpy(), torch.tensor([1]).numpy(), 2, 2)
    genre = Relation("genre", ITEM, "genre", torch.tensor([1, 2]).numpy(), torch.tensor([0, 0]).numpy(), 3, 1)
    ids = {"genre": IdMap.of(["rock"])}
    weights = {"epochs": torch.tensor([1]), USER: torch.ones(1, 1, 2).half(), ITEM: torch.ones(1, 1, 3).half()}
    links = [Links.of(friends, {}), Links.of(genre, ids)]
    model = replace(recommender, links=links, weights=weights, about={"tasks": ["recommendation"]}, titles={"c": "Sea"})
    found = explain(model, "y", "b")
    assert found["history"] == [{"item_id": "c", "title": "Sea", "pull": pytest.approx(1.0)}]
    assert found["friends"][0]["user_id"] == "x"
    assert not found["friends"][0]["has"]
    assert found["attributes"] == [{"relation": "genre", "value": "rock", "pull": pytest.approx(1.0), "items": ["c"]}]
    assert found["weights"] == {"epochs": [1], "tasks": {"recommendation": [1.0]}}
    assert explain(model, "x", "c")["friends"][0]["has"]
    assert explain_user(model, "y")["links"] == {"friends": {"n": 1, "first": ["x"]}}
    about = explain_item(model, "c")
    assert (about["popularity"], about["title"]) == (1, "Sea")
    with pytest.raises(InputError, match="user 'z': is not known to this model"):
        explain(model, "z", "a")


def test_an_index_gives_the_same_lists(recommender: Recommender) -> None:
    approximate = pytest.importorskip("usearch.index") and __import__("pipeline.serving.index", fromlist=["x"]).approximate
    generator = torch.Generator().manual_seed(0)
    items, users = torch.randn(2000, 16, generator=generator), torch.randn(20, 16, generator=generator)
    nothing = ItemLists.of_lists([[]] * 20, 2000)
    user_ids, item_ids = (IdMap.of([str(n) for n in range(size)]) for size in (20, 2000))
    exact = Recommender(user_ids, item_ids, scoring(users, items), nothing, Softmax(items))
    index = replace(exact, nearest=approximate(items))
    asked = [str(n) for n in range(20)]
    one, other = (of.answer(asked, Query(10)).items for of in (index, exact))
    common = [len(set(a) & set(b)) for a, b in zip(one.tolist(), other.tolist(), strict=True)]
    assert sum(common) >= 0.95 * 200


def test_rows_are_found_by_raw_id_in_another_numbering(recommender: Recommender) -> None:
    """NaN where there is none, or where it is zeros, as of a user without any interaction."""
    users = torch.tensor([[4.0], [0.0]])
    model = replace(recommender, scoring=scoring(users, ITEMS))
    rows = model.rows_of(IdMap.of(["y", "new", "x"]), IdMap.of(["c", "a"]))
    assert rows[USER].nan_to_num(-1.0).tolist() == [[-1.0], [-1.0], [4.0]]
    assert rows[ITEM].tolist() == [[3.0], [1.0]]
    assert users.tolist() == [[4.0], [0.0]], "which is not the same memory"


def test_nobody_gets_an_empty_table_of_the_same_columns(recommender: Recommender) -> None:
    none, some = recommender.recommend([], k=2), recommender.recommend(["x"], k=2)
    assert none.empty
    assert none.dtypes.to_dict() == some.dtypes.to_dict()


def test_among_very_many_that_are_equally_good_the_popular_come_first(monkeypatch: pytest.MonkeyPatch) -> None:
    popularity = [3, 1, 2, 3, 9, 1]
    table = scoring(torch.ones(1, 1), torch.tensor([[2.0], [1.0], [1.0], [1.0], [1.0], [1.0]]), popularity)
    nothing = ItemLists.of([interactions([])], 1, 6)
    expected = plain_top_k(table, nothing, torch.tensor([0]), 4)[0]
    monkeypatch.setattr("pipeline.ranking.scoring._MANY", 2)
    found = plain_top_k(table, nothing, torch.tensor([0]), 4)[0]
    assert found.tolist() == expected.tolist() == [[0, 4, 3, 2]]


def test_ties_are_broken_by_the_number_that_a_user_is_given() -> None:
    table, nothing = scoring(torch.ones(3, 1), torch.ones(40, 1)), ItemLists.of([interactions([])], 3, 40)
    own = plain_top_k(table, nothing, torch.tensor([0, 2]), 20)[0]
    given = plain_top_k(table, nothing, torch.tensor([1, 1]), 20, keys=torch.tensor([0, 2]))[0]
    assert torch.equal(own, given)
    assert not torch.equal(own[0], own[1])
