"""Each task by hand, and that none can reach a held-out pair."""

import numpy as np
import pytest

from pipeline import plugins
from pipeline.data.relation import ITEM, USER, Relation
from pipeline.data.task_data import TaskData, TrainingData
from tests.toy import relation

TRAIN = relation("recommendation", USER, ITEM, [(0, 0), (1, 2)], 3, 4)


def pairs(found: Relation) -> list[tuple[int, int]]:
    return list(zip(found.heads.tolist(), found.tails.tolist(), strict=True))


def build(task: str, *sides: Relation) -> Relation | None:
    found: TaskData | None = plugins.load("tasks", task).build(TrainingData(TRAIN, {side.name: side for side in sides}))
    return None if found is None else found.relation


def test_recommendation_is_the_training_interactions() -> None:
    assert build("recommendation") is TRAIN


def test_social_goes_both_ways_once_and_never_to_oneself() -> None:
    friends = relation("social", USER, USER, [(0, 1), (1, 0), (0, 2), (0, 2), (1, 1)], 3, 3)
    found = build("social", friends)
    assert found is not None
    assert pairs(found) == [(0, 1), (0, 2), (1, 0), (2, 0)]


def test_category_has_each_membership_once() -> None:
    found = build("category", relation("category", ITEM, "tag", [(3, 1), (0, 0), (3, 1)], 4, 2))
    assert found is not None
    assert pairs(found) == [(0, 0), (3, 1)]
    assert found.tail_type == "tag"


def test_co_view_links_items_that_share_a_view_node() -> None:
    """Node 0 has items 0, 1, 2; node 1 has items 2 and 3; node 2 has item 3 alone."""
    views = relation("co_view", ITEM, "view", [(0, 0), (1, 0), (2, 0), (2, 1), (3, 1), (3, 2)], 4, 3)
    found = build("co_view", views)
    assert found is not None
    assert pairs(found) == [(0, 1), (0, 2), (1, 0), (1, 2), (2, 0), (2, 1), (2, 3), (3, 2)]
    assert (found.head_type, found.tail_type, found.n_heads, found.n_tails) == (ITEM, ITEM, 4, 4)


@pytest.mark.parametrize("task", [task for task in plugins.side_tasks() if task != "alignment_uniformity"])
def test_without_its_table_there_is_no_task(task: str) -> None:
    assert build(task) is None


@pytest.mark.parametrize("task", plugins.side_tasks())
def test_a_side_task_does_not_depend_on_who_interacted_with_what(task: str) -> None:
    """Held-out pairs live in the interactions alone; a task that ignores them cannot reach any."""
    rng = np.random.default_rng(0)
    sides = [
        relation("social", USER, USER, [(0, 1), (1, 2)], 3, 3),
        relation("category", ITEM, "tag", [(0, 0), (3, 1)], 4, 2),
        relation("co_view", ITEM, "view", [(0, 0), (1, 0)], 4, 1),
    ]
    tables = {side.name: side for side in sides}
    built = plugins.load("tasks", task).build(TrainingData(TRAIN, tables))
    if built is None or built.relation is TRAIN:
        pytest.skip("is built from the training interactions, or from a table that is not here")
    first = built.relation
    other = Relation("recommendation", USER, ITEM, rng.integers(0, 3, 5), rng.integers(0, 4, 5), 3, 4)
    second = plugins.load("tasks", task).build(TrainingData(other, tables)).relation
    assert pairs(first) == pairs(second)


def test_the_general_ranking_task_is_made_of_no_data_by_itself() -> None:
    assert build("ranking", relation("social", USER, USER, [(0, 1)], 3, 3)) is None
