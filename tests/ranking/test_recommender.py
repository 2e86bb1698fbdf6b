from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
import torch

from pipeline.artifacts import new_folder
from pipeline.data.ids import IdMap
from pipeline.data.split import Split
from pipeline.errors import IntegrityError
from pipeline.evaluation.evaluator import rank
from pipeline.ranking.recommender import Recommender, _load_pyfunc
from pipeline.ranking.top_k import HISTORY, NO_ITEM, WEIGHTS, ItemLists, Scoring
from pipeline.training.learning import LEARN
from tests.toy import interactions, scoring, tasks_of


@pytest.fixture
def recommender() -> Recommender:
    """Scores are 3, 2, 1 for items c, b, a; user y has seen c; b is the most popular."""
    return Recommender(
        IdMap.of(["x", "y"]),
        IdMap.of(["a", "b", "c"]),
        scoring(torch.ones(2, 1), torch.tensor([[1.0], [2.0], [3.0]]), popularity=[0, 2, 1]),
        ItemLists.of([interactions([(1, 2)])], 2, 3),
    )


def test_best_unseen_items_by_raw_id(recommender: Recommender) -> None:
    answer = recommender.recommend(["y", "x"], k=2)
    assert answer[["user_id", "rank", "item_id", "score"]].to_numpy().tolist() == [
        ["y", 1, "b", 2.0],
        ["y", 2, "a", 1.0],
        ["x", 1, "c", 3.0],
        ["x", 2, "b", 2.0],
    ]
    assert answer["known_user"].all()


def test_lists_end_where_everything_is_seen(recommender: Recommender) -> None:
    assert len(recommender.recommend(["y"], k=9)) == 2


def test_unknown_users_get_what_is_popular(recommender: Recommender) -> None:
    answer = recommender.recommend(["stranger"], k=2)
    assert answer["item_id"].tolist() == ["b", "c"]
    assert not answer["known_user"].any()
    assert answer["score"].isna().all()


def test_a_user_without_training_interactions_is_as_unknown_as_a_new_one(recommender: Recommender) -> None:
    """Its row is zero: what was drawn for it would be noise."""
    users = torch.tensor([[1.0], [0.0]])
    untrained = replace(recommender, scoring=replace(recommender.scoring, users=users))
    answer = untrained.recommend(["y", "x"], k=2)
    assert answer["known_user"].tolist() == [False, False, True, True]
    assert answer["item_id"].tolist() == ["b", "a", "c", "b"]  # y has seen c
    assert answer["score"].isna().tolist() == [True, True, False, False]


def test_nobody_gets_an_empty_table(recommender: Recommender) -> None:
    assert recommender.recommend([]).empty


def test_k_must_be_positive(recommender: Recommender) -> None:
    with pytest.raises(ValueError, match="k must be >= 1, found 0"):
        recommender.recommend(["x"], k=0)


def test_comes_back_from_disk_and_refuses_other_bytes(recommender: Recommender, tmp_path: Path) -> None:
    with new_folder(tmp_path / "r") as folder:
        recommender.save(folder)
    served = _load_pyfunc(str(tmp_path / "r"))
    question = recommender.recommend(["y", "stranger"], k=2)
    assert served.predict(pd.DataFrame({"user_id": ["y", "stranger"]}), {"k": 2}).equals(question)
    path = tmp_path / "r/tensors.safetensors"
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    with pytest.raises(IntegrityError):
        Recommender.load(tmp_path / "r")


def test_few_weights_per_item_come_back_from_disk(tmp_path: Path) -> None:
    tables = {
        WEIGHTS[0]: torch.tensor([0, 1, 2, 2]),
        WEIGHTS[1]: torch.tensor([1, 0]),
        WEIGHTS[2]: torch.tensor([0.5, 0.25]),
        HISTORY[0]: torch.tensor([0, 1]),
        HISTORY[1]: torch.tensor([0]),
    }
    train = ItemLists.of([interactions([(0, 0)])], 1, 3)
    recommender = Recommender(IdMap.of(["x"]), IdMap.of(["a", "b", "c"]), Scoring.of(tables, train), train)
    with new_folder(tmp_path / "r") as folder:
        recommender.save(folder)
    answer = Recommender.load(tmp_path / "r").recommend(["x"], k=3)
    assert answer.equals(recommender.recommend(["x"], k=3))
    assert list(zip(answer["item_id"], answer["score"], strict=True)) == [("b", 0.25), ("c", 0.0)]


def test_what_is_recommended_is_what_is_evaluated() -> None:
    """A split in time: the user of the test part has no training interactions, and gets what is popular either way."""
    train, valid, test = interactions([(0, 2), (1, 2), (1, 0)]), interactions([(0, 1)]), interactions([(2, 0), (0, 0)])
    split = Split(train, valid, test, 3, 3)
    data = tasks_of([split.train_relation()])
    learned = LEARN["combiners"](data, split, 0, lambda _: None, rule=("single_task", {}), epochs=2, dim=4)
    seen = ItemLists.of([train, valid], 3, 3)
    ranking = rank(Scoring.of(learned.tables, ItemLists.of([train], 3, 3)), seen, ItemLists.of([test], 3, 3), 3)
    ids = IdMap.of(["0", "1", "2"])
    answer = Recommender.of(split, ids, ids, learned.tables).recommend(["0", "2"], k=3)
    evaluated = [[str(item) for item in items if item != NO_ITEM] for items in ranking.items.tolist()]
    assert [answer[answer["user_id"] == user]["item_id"].tolist() for user in ("0", "2")] == evaluated
    assert evaluated[1] == ["2", "0", "1"]
