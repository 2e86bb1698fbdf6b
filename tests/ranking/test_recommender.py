from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
import torch

from pipeline.artifacts import new_folder
from pipeline.data.ids import IdMap
from pipeline.errors import IntegrityError
from pipeline.ranking.recommender import Recommender, _load_pyfunc
from pipeline.ranking.top_k import ItemLists
from tests.toy import interactions


@pytest.fixture
def recommender() -> Recommender:
    """Scores are 3, 2, 1 for items c, b, a; user y has seen c; b is the most popular."""
    return Recommender(
        IdMap.of(["x", "y"]),
        IdMap.of(["a", "b", "c"]),
        torch.ones(2, 1),
        torch.tensor([[1.0], [2.0], [3.0]]),
        ItemLists.of([interactions([(1, 2)])], 2, 3),
        torch.tensor([1, 2, 0]),
        torch.tensor([True, True]),
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
    """Its embedding was never moved; scores from it would be noise."""
    untrained = replace(recommender, trained=torch.tensor([True, False]))
    answer = untrained.recommend(["y", "x"], k=1)
    assert answer["known_user"].tolist() == [False, True]
    assert answer["item_id"].tolist() == ["b", "c"]


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
