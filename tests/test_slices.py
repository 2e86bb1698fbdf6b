import pytest
import torch

from pipeline.data.splitting import Split
from pipeline.slices import by_item_popularity, user_slices
from tests.toy import interactions, relation


def test_users_by_history_and_links() -> None:
    """Histories of 1, 2, 3 interactions and of none; user 0 has one friend, user 1 has two and user 2 three."""
    train = interactions([(0, 0), (1, 0), (1, 1), (2, 0), (2, 1), (2, 2)])
    split = Split(train, interactions([(0, 1)]), interactions([(3, 1)]), 4, 3)
    friends = relation("friends", "user", "user", [(0, 1), (1, 0), (1, 2), (2, 0), (2, 1), (2, 3)], 4, 4)
    genre = relation("genre", "item", "genre", [(0, 0)], 3, 1)
    found = user_slices(split, [split.train_relation(), friends, genre])
    assert found["history"].tolist() == ["short", "medium", "long", "short"]
    assert found["friends"].tolist() == ["few", "few", "many", "none"]
    assert set(found) == {"history", "friends"}
    assert list(found["history"].cat.categories) == ["short", "medium", "long"]
    assert list(found["friends"].cat.categories) == ["none", "few", "many"]


def test_items_by_popularity_by_hand() -> None:
    """Items 0, 1, 2 with 4, 4, 4 of 12 interactions: head, middle, tail, whatever their ties."""
    train = interactions([(user, item) for user in range(4) for item in range(3)])
    test = interactions([(4, 0), (4, 2), (5, 1), (5, 2)])
    split = Split(train, interactions([(0, 3)]), test, 6, 4)
    recommended, users = torch.tensor([[0, 3], [3, 2]]), torch.tensor([4, 5])
    found = by_item_popularity(recommended, users, split, [1, 2])
    assert found["popularity@1"] == pytest.approx((4 + 0) / 2)
    assert found["popularity@2"] == pytest.approx((4 + 0 + 0 + 4) / 4)
    assert [found[f"recall_{part}@2"] for part in ("head", "middle", "tail")] == [1 / 1, 0 / 1, 1 / 2]
    assert found["recall_tail@1"] == 0
