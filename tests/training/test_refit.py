"""What is served: trained on everything, folded in, warm."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from pipeline.api import Prepared, prepare, train
from pipeline.data.ids import IdMap
from pipeline.data.relation import ITEM, USER
from pipeline.ranking.item_lists import ItemLists
from pipeline.ranking.recommender import Recommender
from pipeline.training.epoch import Epoch
from pipeline.training.learning import LEARN
from pipeline.training.refit import refit, without_held_out

TASKS: dict[str, Any] = {"leave_out": [], "named": [], "min_count": {}, "placebo": {}, "placebo_seed": 0}
SOLVER = {"solver": ("ials", {"dim": 16, "sweeps": 4}), "rule": ("single_task", {})}
RULE = {"rule": ("single_task", {}), "dim": 16, "epochs": 12, "loss": ("sampled_softmax", {})}


KINDS = pytest.mark.parametrize(
    ("kind", "arguments"), [("solvers", SOLVER), ("combiners", RULE), ("baselines", {"baseline": ("ease", {})})]
)


@pytest.fixture(scope="module")
def demo() -> Prepared:
    return prepare("demo")


@KINDS
def test_a_refit_learns_from_all_and_gives_nothing_twice(demo: Prepared, kind: str, arguments: dict[str, Any]) -> None:
    epochs: list[Epoch] = []
    split, learned = refit(demo.processed, kind, arguments, 0, 2, TASKS, epochs.append)
    assert len(split.train) == sum(len(getattr(demo.processed.split, part)) for part in ("train", "valid", "test"))
    assert [epoch.number for epoch in epochs] == ([1] if kind == "baselines" else [1, 2])
    assert "valid/ndcg_at_20" not in learned.best()
    ids = demo.processed.ids
    model = Recommender.of(split, ids[USER], ids[ITEM], learned.tables)
    users = list(ids[USER].index[:50])
    given = model.recommend(users, 20)
    has = set(zip(split.train["user"], split.train["item"], strict=True))
    numbers = zip(ids[USER].numbers(given["user_id"]), ids[ITEM].numbers(given["item_id"]), strict=True)
    assert not [pair for pair in numbers if pair in has]


def test_it_ends_early_on_the_schedule_of_the_whole_training(demo: Prepared) -> None:
    """Two of four sweeps give what the first two of four give."""
    split = without_held_out(demo.processed.split)
    solver = {"solver": ("ials", {"dim": 8, "sweeps": 4}), "rule": ("pmtrec_inverse", {})}
    rows: list[dict[str, float]] = []
    LEARN["solvers"](demo.tasks, split, 0, lambda epoch: rows.append(epoch.row()), **solver)
    stopped = LEARN["solvers"](demo.tasks, split, 0, lambda _: None, **solver, stop_after=2)
    assert len(stopped.history) == 2
    assert stopped.history == rows[:2]


@KINDS
def test_a_new_user_gets_what_training_would_have_given(demo: Prepared, kind: str, arguments: dict[str, Any]) -> None:
    """Folded in from the history, the lists have most of their items in common with those of the trained rows."""
    split, ids = demo.processed.split, demo.processed.ids
    learned = LEARN[kind](demo.tasks, split, 0, lambda _: None, **arguments)
    train_only = ItemLists.of([split.train], split.n_users, split.n_items)
    model = replace(Recommender.of(split, ids[USER], ids[ITEM], learned.tables), seen=train_only)
    long = np.flatnonzero(train_only.lengths().numpy() >= 20)[:60]
    users = list(ids[USER].index[long])
    histories = [model.item_names(train_only.pairs(torch.tensor([user]))[1]) for user in long.tolist()]
    trained, folded = model.recommend(users, 20), model.recommend_for(histories, 20)
    common = [
        len(set(trained[trained["user_id"] == user]["item_id"]) & set(folded[folded["user_id"] == str(place)]["item_id"]))
        for place, user in enumerate(users)
    ]
    at_random = 20 * 20 / split.n_items
    assert np.mean(common) > {"solvers": 18, "combiners": 10, "baselines": 19.9}[kind] > 10 * at_random


def test_a_warm_start_begins_where_yesterday_ended(demo: Prepared) -> None:
    cold: list[float] = []
    yesterday = train(demo, method=("single_task", {}), dim=16, epochs=8, on_epoch=lambda epoch: cold.append(epoch.valid_ndcg))
    warm: list[float] = []
    settings: dict[str, Any] = {"dim": 16, "epochs": 1, "on_epoch": lambda epoch: warm.append(epoch.valid_ndcg)}
    train(demo, method=("single_task", {}), warm_start=yesterday, **settings)
    assert warm[0] > 2 * cold[0]
    assert warm[0] > 0.8 * max(cold)


def test_rows_are_found_by_raw_id_in_another_numbering(demo: Prepared) -> None:
    model = train(demo, method=("ials", {"dim": 4, "sweeps": 1}))
    users = IdMap.of(["somebody new", str(demo.processed.ids[USER].index[3])])
    rows = model.rows_of(users, demo.processed.ids[ITEM])[USER]
    assert rows[0].isnan().all()
    assert torch.equal(rows[1], model.scoring.users[torch.tensor([3])][0])
