"""Users and items without training interactions, by hand."""

import torch

from pipeline.data.relation import ITEM, USER
from pipeline.ranking.cold_start import ColdStart
from pipeline.ranking.item_lists import ItemLists
from pipeline.ranking.scoring import HISTORY
from tests.toy import interactions, relation

TRAIN = ItemLists.of([interactions([(0, 0), (1, 1), (2, 0)])], 5, 4)  # users 3 and 4, items 2 and 3 are cold
FRIENDS = relation("social", USER, USER, [(3, 0), (3, 1), (3, 4), (0, 3)], 5, 5)
TAGS = relation("category", ITEM, "tag", [(0, 0), (2, 0)], 4, 2)
MAIN = relation("recommendation", USER, ITEM, [(0, 0), (1, 1), (2, 0)], 5, 4)
USERS, ITEMS = torch.arange(10.0).reshape(5, 2) + 1, torch.arange(8.0).reshape(4, 2) + 1


def test_a_user_without_a_history_is_the_mean_of_its_friends_who_have_one() -> None:
    filled = ColdStart(TRAIN, [FRIENDS], [MAIN, FRIENDS]).fill({USER: USERS, ITEM: ITEMS})
    assert torch.equal(filled[USER][:3], USERS[:3])
    assert torch.equal(filled[USER][3], (USERS[0] + USERS[1]) / 2)
    assert torch.equal(filled[USER][4], USERS[4]), "its only friend has no history either, and a task has touched it"
    assert USERS[3].tolist() == [7, 8], "the given table stays as it is"


def test_what_no_task_has_touched_is_a_row_of_zeros() -> None:
    alone = ColdStart(TRAIN, [TAGS], [MAIN]).fill({USER: USERS, ITEM: ITEMS})
    assert (alone[USER] == 0).all(dim=1).tolist() == [False, False, False, True, True]
    assert (alone[ITEM] == 0).all(dim=1).tolist() == [False, False, True, True]
    tagged = ColdStart(TRAIN, [TAGS], [MAIN, TAGS]).fill({USER: USERS, ITEM: ITEMS})
    assert (tagged[ITEM] == 0).all(dim=1).tolist() == [False, False, False, True]


def test_the_history_of_a_user_who_has_none_is_that_of_its_friends() -> None:
    filled = ColdStart(TRAIN, [FRIENDS], [MAIN]).fill({ITEM: torch.eye(4)})
    lists = ItemLists(filled[HISTORY[0]], filled[HISTORY[1]], 4)
    position, items = lists.pairs(torch.arange(5))
    assert list(zip(position.tolist(), items.tolist(), strict=True)) == [(0, 0), (1, 1), (2, 0), (3, 0), (3, 1)]


def test_where_all_is_known_nothing_changes() -> None:
    main = relation("recommendation", USER, ITEM, [(0, 0), (1, 1)], 2, 2)
    train = ItemLists.of([interactions([(0, 0), (1, 1)])], 2, 2)
    tables = {USER: torch.randn(2, 3), ITEM: torch.randn(2, 3)}
    filled = ColdStart(train, [relation("social", USER, USER, [(0, 1)], 2, 2)], [main]).fill(tables)
    assert all(filled[kind] is table for kind, table in tables.items())
