"""Examples around the batch, and those that a task draws by itself."""

from typing import Any

import numpy as np
import pytest
import torch

from pipeline import plugins
from pipeline.data.examples import HEADS, NEGATIVES, TAILS, TARGETS, Examples
from pipeline.data.relation import ITEM, USER, NodeTypes, Relation, SideTable
from pipeline.data.task_data import TaskData, TrainingData
from pipeline.errors import InputError, ParamsError
from pipeline.seeding import numpy_generator
from pipeline.task_building import build_tasks, with_placebos
from pipeline.tasks._anchors import Partners, anchors
from pipeline.tasks.base import Draw, Sampler
from tests.toy import relation

USERS, ITEMS = 5, 6
TRAIN = Relation(
    "recommendation",
    USER,
    ITEM,
    np.array([0, 0, 1, 2, 3, 4]),
    np.array([0, 1, 2, 3, 4, 5]),
    USERS,
    ITEMS,
    values={"rating": np.array([1.0, 2.0, 3.0, 4.0, 5.0, 1.0])},
)
FRIENDS = relation("social", USER, USER, [(0, 1), (0, 2), (1, 0)], USERS, USERS)
CATEGORIES = relation("category", ITEM, "category", [(0, 0), (1, 0), (2, 0), (2, 1), (3, 1), (4, 2)], ITEMS, 3)
NODES = NodeTypes({USER: USERS, ITEM: ITEMS, "category": 3})
MAIN = Examples({HEADS: torch.tensor([0, 3, 1, 4, 2, 4]), TAILS: torch.tensor([0, 4, 2, 5, 3, 5]) + USERS})


def sampler(task: str, *, from_batch: bool, **sides: Relation) -> Sampler:
    kind = plugins.load("tasks", task)
    built = kind.build(TrainingData(TRAIN, sides))
    made: Sampler = kind.sampler(built, NODES, 0, from_batch=from_batch)
    return made


def nodes(examples: Examples, column: str) -> list[int]:
    found: list[int] = (examples[column] - (USERS if column in (HEADS, TAILS, NEGATIVES) else 0)).tolist()
    return found


def test_those_who_know_nobody_are_replaced_by_others_of_their_batch() -> None:
    """Batches of two: (0, 3), (1, 4), (3, 4). Users 0, 1 and 2 have friends; in the last batch nobody has."""
    main = Examples({HEADS: torch.tensor([0, 3, 1, 4, 3, 4]), TAILS: MAIN[TAILS]})
    drawn = sampler("social", from_batch=True, social=FRIENDS).epoch(Draw(1, 6, main, batch_size=2))
    assert drawn[HEADS].tolist()[:4] == [0, 0, 1, 1]
    assert set(drawn[HEADS].tolist()[4:]) <= {0, 1, 2}
    linked = {(0, 1), (0, 2), (1, 0), (2, 0)}
    assert set(zip(drawn[HEADS].tolist(), drawn[TAILS].tolist(), strict=True)) <= linked
    assert not set(zip(drawn[HEADS].tolist(), drawn[NEGATIVES].tolist(), strict=True)) & linked


def test_by_itself_a_task_passes_over_its_own_pairs() -> None:
    own = sampler("social", from_batch=False, social=FRIENDS)
    drawn = own.epoch(Draw(1, 4, MAIN, batch_size=2))
    assert sorted(zip(drawn[HEADS].tolist(), drawn[TAILS].tolist(), strict=True)) == [(0, 1), (0, 2), (1, 0), (2, 0)]


def test_partners_are_drawn_alike() -> None:
    partners = Partners(np.array([0, 2, 2, 2]), np.array([7, 1, 3, 5]), 4)
    assert partners.has_any.tolist() == [True, False, True, False]
    drawn = partners.draw(np.full(3000, 2), numpy_generator(0, "x"))
    assert sorted(set(drawn.tolist())) == [1, 3, 5]
    assert (np.abs(np.bincount(drawn)[[1, 3, 5]] - 1000) < 150).all()


def test_partners_are_drawn_by_their_weights() -> None:
    """Of head 1: tail 5 three times as often as tail 3."""
    partners = Partners(np.array([1, 0, 1]), np.array([3, 9, 5]), 2, np.array([1.0, 7.0, 3.0]))
    drawn = partners.draw(np.full(4000, 1), numpy_generator(0, "x"))
    assert set(drawn.tolist()) == {3, 5}
    assert abs((drawn == 5).mean() - 3 / 4) < 0.03


def test_nodes_of_other_types_are_no_anchors() -> None:
    with pytest.raises(ValueError, match="the batch of the main task has no node of type 'category'"):
        anchors(Draw(1, 6, MAIN), NODES, "category", np.ones(3, dtype=bool), numpy_generator(0, "x"))


@pytest.mark.parametrize("task", ["rating", "alignment_uniformity"])
def test_the_pairs_of_the_batch_or_every_pair_once(task: str) -> None:
    around = sampler(task, from_batch=True).epoch(Draw(1, 6, MAIN))
    assert torch.equal(around[HEADS], MAIN[HEADS])
    assert torch.equal(around[TAILS], MAIN[TAILS])
    own = sampler(task, from_batch=False).epoch(Draw(1, 6, MAIN))
    assert sorted(zip(own[HEADS].tolist(), nodes(own, TAILS), strict=True)) == list(
        zip(TRAIN.heads.tolist(), TRAIN.tails.tolist(), strict=True)
    )


@pytest.mark.parametrize("from_batch", [True, False])
def test_a_rating_belongs_to_its_pair(from_batch: bool) -> None:
    stars = dict(zip(zip(TRAIN.heads.tolist(), TRAIN.tails.tolist(), strict=True), [1.0, 2.0, 3.0, 4.0, 5.0, 1.0], strict=True))
    drawn = sampler("rating", from_batch=from_batch).epoch(Draw(1, 6, MAIN))
    found = zip(drawn[HEADS].tolist(), nodes(drawn, TAILS), drawn[TARGETS].tolist(), strict=True)
    assert all(stars[user, item] == rating for user, item, rating in found)


@pytest.mark.parametrize("from_batch", [True, False])
def test_two_items_of_one_category_and_one_of_none_of_its(from_batch: bool) -> None:
    """Item 4 is alone in its category, item 5 has none; 2 is in two."""
    drawn = sampler("same_category", from_batch=from_batch, category=CATEGORIES).epoch(Draw(1, 6, MAIN, batch_size=6))
    of = {0: {0}, 1: {0}, 2: {0, 1}, 3: {1}, 4: {2}, 5: set()}
    columns = (nodes(drawn, name) for name in (HEADS, TAILS, NEGATIVES))
    for item, mate, stranger in zip(*columns, strict=True):
        assert of[item] & of[mate]
        assert item != mate
        assert not of[item] & of[stranger]
    if from_batch:
        assert nodes(drawn, HEADS)[0] == 0
        assert set(nodes(drawn, HEADS)) <= {0, 2, 3}, "of the batch, those that share a category with anybody"


def test_a_huge_category_makes_no_pairs() -> None:
    """A million items of one category would be 10^12 pairs."""
    n = 1_000_000
    links = Relation("category", ITEM, "category", np.arange(n), np.zeros(n, dtype=np.int64), n, 1)
    kind = plugins.load("tasks", "same_category")
    built = kind.build(TrainingData(TRAIN, {"category": links}))
    drawn = kind.sampler(built, NodeTypes({USER: 1, ITEM: n, "category": 1}), 0).epoch(Draw(1, 1000))
    assert (drawn[HEADS] != drawn[TAILS]).all()


def test_some_tasks_are_built_only_where_they_are_named() -> None:
    def names(**more: Any) -> list[str]:
        return [task.name for task in build_tasks(TRAIN, {"category": SideTable(CATEGORIES, None)}, **more)]

    assert names() == ["recommendation", "category"]
    asked = ["alignment_uniformity", "rating", "same_category", "social"]
    assert names(named=asked) == ["recommendation", "alignment_uniformity", "category", "rating", "same_category"]
    assert names(named=["rating"], leave_out=["rating"]) == ["recommendation", "category"]


def test_without_ratings_there_is_no_rating_task() -> None:
    bare = relation("recommendation", USER, ITEM, [(0, 0)], USERS, ITEMS)
    assert [task.name for task in build_tasks(bare, {}, named=["rating"])] == ["recommendation"]


def test_pairs_below_the_threshold_are_left_out() -> None:
    """Items 0 and 1 share two view nodes, 1 and 2 one."""
    views = relation("co_view", ITEM, "view", [(0, 0), (1, 0), (0, 1), (1, 1), (1, 2), (2, 2)], ITEMS, 3)
    listed = relation("co_buy", ITEM, ITEM, [(0, 1), (1, 0), (2, 3)], ITEMS, ITEMS)
    sides = {"co_view": SideTable(views, None), "co_buy": SideTable(listed, None)}

    def pairs(task: str, **more: Any) -> list[tuple[int, int]]:
        (found,) = [one.relation for one in build_tasks(TRAIN, sides, **more) if one.name == task]
        assert found is not None
        return list(zip(found.heads.tolist(), found.tails.tolist(), strict=True))

    assert pairs("co_view") == [(0, 1), (1, 0), (1, 2), (2, 1)]
    assert pairs("co_view", min_count={"co_view": 2}) == [(0, 1), (1, 0)]
    assert pairs("co_buy") == [(0, 1), (1, 0), (2, 3), (3, 2)]
    assert pairs("co_buy", min_count={"co_buy": 2}) == [(0, 1), (1, 0)]
    with pytest.raises(InputError, match=r"min_count\.co_buy: no pair occurs 3 times, the most frequent 2 times\. Fix: lower"):
        pairs("co_buy", min_count={"co_buy": 3})
    with pytest.raises(ParamsError, match=r"min_count\.rating: the pairs of this task are interactions"):
        pairs("rating", named=["rating"], min_count={"rating": 2})


def test_the_placebo_of_ratings_are_the_same_ratings_of_other_pairs() -> None:
    tasks = [TaskData("recommendation", "recommendation", TRAIN), TaskData("rating", "rating", TRAIN)]
    (_, found) = with_placebos(tasks, {"rating": "shuffled"}, 0)
    assert found.relation is not None
    assert found.relation.heads.tolist() == TRAIN.heads.tolist()
    ratings = found.relation.values["rating"].tolist()
    assert sorted(ratings) == sorted(TRAIN.values["rating"].tolist())
    assert ratings != TRAIN.values["rating"].tolist()
    pairs_alone = [tasks[0], TaskData("alignment_uniformity", "alignment_uniformity", TRAIN)]
    with pytest.raises(ParamsError, match=r"placebo\.alignment_uniformity: shuffled links would be other interactions"):
        with_placebos(pairs_alone, {"alignment_uniformity": "shuffled"}, 0)
    with pytest.raises(ParamsError, match=r"build_tasks\.placebo\.rating: rewired links would be other interactions"):
        with_placebos(tasks, {"rating": "rewired"}, 0)
