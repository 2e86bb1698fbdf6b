import torch

from pipeline.data.split import Split
from pipeline.evaluation.evaluator import Ranking
from pipeline.evaluation.item_groups import recall_by_popularity
from pipeline.evaluation.user_groups import user_groups
from tests.toy import interactions, relation, tasks_of


def test_users_by_history_and_links() -> None:
    """Histories of 1, 2, 3 interactions and of none; user 0 has one friend, user 1 has two and user 2 three."""
    train = interactions([(0, 0), (1, 0), (1, 1), (2, 0), (2, 1), (2, 2)])
    split = Split(train, interactions([(0, 1)]), interactions([(3, 1)]), 4, 3)
    friends = relation("friends", "user", "user", [(0, 1), (1, 0), (1, 2), (2, 0), (2, 1), (2, 3)], 4, 4)
    genre = relation("genre", "item", "genre", [(0, 0)], 3, 1)
    found = user_groups(split, tasks_of([split.train_relation(), friends, genre]))
    assert found["history"].tolist() == ["short", "medium", "long", "cold"]
    assert found["friends"].tolist() == ["few", "few", "many", "none"]
    assert set(found) == {"history", "friends"}
    assert list(found["history"].cat.categories) == ["cold", "short", "medium", "long"]
    assert list(found["friends"].cat.categories) == ["none", "few", "many"]


def test_items_by_popularity_by_hand() -> None:
    """Items 0, 1, 2 with 4, 4, 4 of 12 interactions: head, middle, tail, whatever their ties."""
    train = interactions([(user, item) for user in range(4) for item in range(3)])
    test = interactions([(4, 0), (4, 2), (5, 1), (5, 2)])
    split = Split(train, interactions([(0, 3)]), test, 6, 4)
    recommended, users = torch.tensor([[0, 3], [3, 2]]), torch.tensor([4, 5])
    unused = torch.zeros(0)
    found = recall_by_popularity(Ranking(users, recommended, unused, unused, unused), split, [1, 2])
    assert [found[f"{group}@2"] for group in ("head", "middle", "tail")] == [1 / 1, 0 / 1, 1 / 2]
    assert found["tail@1"] == 0
    assert "cold@1" not in found, "no cold item is in the test part"


def test_cold_items_are_a_group_of_their_own() -> None:
    train = interactions([(0, 0), (1, 0)])
    split = Split(train, interactions([(0, 1)]), interactions([(0, 2), (1, 1)]), 2, 3)
    unused = torch.zeros(0)
    found = recall_by_popularity(Ranking(torch.tensor([0, 1]), torch.tensor([[2], [2]]), unused, unused, unused), split, [1])
    assert found == {"cold@1": 1 / 2}
