"""No side task of any data set can reach a held-out pair.

A task and a reader that do reach them show that the experiment can fail.
"""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from pipeline.data.preprocessing import preprocess
from pipeline.data.relation import Relation
from pipeline.data.splitting import Splitting
from pipeline.data.tables import PART, RawRelation, RawTables
from pipeline.data.task_data import TaskData
from pipeline.datasets.custom import custom
from pipeline.errors import InputError
from pipeline.inspection.leakage import as_given, build_given, reached_tasks
from pipeline.inspection.profile import relations_of
from pipeline.task_building import build_tasks
from tests.real import PUBLIC, read_real, skip_unless_at_hand
from tests.toy import tasks_of

RANDOM = Splitting("random", (0.8, 0.1, 0.1), last_n=1, dates=None, seed=0, cold="keep")


def names_of(raw: RawTables) -> set[str]:
    found = preprocess(raw, min_rating=None, k=0, splitting=RANDOM)
    return {task.name for task in build_tasks(found.split.train_relation(), found.sides)}


def test_demo(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    raw = read_real("demo", tmp_path)
    assert names_of(raw) == {"recommendation", "social", "co_view", "category"}
    caplog.set_level("INFO")
    assert reached_tasks(raw, RANDOM) == set()
    assert caplog.text == "", "what is built again is not said again"


@pytest.mark.parametrize("name", PUBLIC)
def test_real(name: str, tmp_path: Path) -> None:
    skip_unless_at_hand(name)
    raw = read_real(name, tmp_path)
    assert {task.name for task in build_given(as_given(raw, RANDOM))} > {"recommendation", "alignment_uniformity"}
    assert reached_tasks(raw, RANDOM) == set()


def test_a_rating_task_that_reads_held_out_ratings_is_caught(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    log = read_real("demo", tmp_path).interactions
    raw = RawTables(log.assign(rating=rng.integers(1, 6, len(log)).astype(float)))

    def cheat(tables: RawTables) -> list[TaskData]:
        split = preprocess(tables, min_rating=None, k=0, splitting=replace(RANDOM, method="given")).split
        everything = replace(split, train=pd.concat([split.train, split.valid, split.test]))
        return build_tasks(everything.train_relation(), {}, named=["rating"])

    assert reached_tasks(raw, RANDOM) == set()
    assert reached_tasks(raw, RANDOM, cheat) == {"recommendation", "rating"}


def test_own_relations_of_every_form(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    log = pd.DataFrame({"user": rng.integers(0, 40, 600), "item": rng.integers(0, 30, 600)})
    log.to_csv(tmp_path / "log.csv", index=False)
    relations = {}
    for name, between, more in (
        ("trust", ["user", "user"], {"directed": True}),
        ("friends", ["user", "user"], {}),
        ("similar", ["item", "item"], {}),
        ("genre", ["item", "genre"], {}),
        ("basket", ["item", "basket"], {"shared": True}),
        ("city", ["user", "city"], {}),
    ):
        pd.DataFrame({"a": rng.integers(0, 30, 90), "b": rng.integers(0, 30, 90)}).to_csv(tmp_path / f"{name}.csv", index=False)
        relations[name] = {"path": str(tmp_path / f"{name}.csv"), "between": between, "head": "a", "tail": "b"} | more
    described = {"interactions": {"path": str(tmp_path / "log.csv"), "user": "user", "item": "item"}, "relations": relations}
    dataset = custom(described)
    (tmp_path / "raw").mkdir()
    dataset.fetch(tmp_path / "raw")
    raw = dataset.read(tmp_path / "raw")
    assert names_of(raw) == {"recommendation", *relations}
    assert reached_tasks(raw, RANDOM) == set()


def test_a_task_that_uses_all_interactions_is_caught(tmp_path: Path) -> None:
    def cheat(raw: RawTables) -> list[TaskData]:
        found = preprocess(raw, min_rating=None, k=0, splitting=replace(RANDOM, method="given"))
        everything = pd.concat([found.split.train, found.split.test])
        pairs = everything.merge(everything, on="user").to_numpy()[:, 1:]
        heads, tails = np.unique(pairs, axis=0).T
        n = found.split.n_items
        return tasks_of([found.split.train_relation(), Relation("together", "item", "item", heads.copy(), tails.copy(), n, n)])

    assert reached_tasks(read_real("demo", tmp_path), RANDOM, cheat) == {"together"}


def test_a_side_table_that_holds_the_interactions_is_caught(tmp_path: Path) -> None:
    def cheat(raw: RawTables) -> list[TaskData]:
        """As if the reader had made the users of each item from the whole log, and given the users other names."""
        fans = raw.interactions.assign(user_id="fan of " + raw.interactions["user_id"]).set_axis(
            ["head_id", "tail_id", PART], axis="columns"
        )[["tail_id", "head_id"]]
        side = RawRelation("item", "fan", fans.set_axis(["head_id", "tail_id"], axis="columns"), "shared")
        return build_given(RawTables(raw.interactions, {"fans": side}))

    assert reached_tasks(read_real("demo", tmp_path), RANDOM, cheat) == {"fans"}


def test_the_interactions_under_another_name_are_refused(tmp_path: Path) -> None:
    raw = read_real("demo", tmp_path)
    log = raw.interactions
    for head, tail, types in (("user_id", "item_id", ("user", "film")), ("item_id", "user_id", ("item", "fan"))):
        table = pd.DataFrame({"head_id": log[head], "tail_id": log[tail]})
        copied = RawTables(log, {"copy": RawRelation(*types, table, "membership")})
        with pytest.raises(InputError) as refused:
            preprocess(copied, min_rating=None, k=0, splitting=RANDOM)
        expected = "copy: contains 100% of the interactions, held-out ones included. Fix: remove this relation"
        assert str(refused.value) == expected


def test_a_graph_that_was_counted_on_the_whole_log_looks_derived(tmp_path: Path) -> None:
    """Who took this also took that; and what an honest relation looks like."""
    raw = read_real("demo", tmp_path)
    log = raw.interactions[raw.interactions["user_id"] < "user-0080"]  # a thin log: in a thick one, all items have met
    ids = log.merge(log, on="user_id")
    pairs = ids[ids["item_id_x"] < ids["item_id_y"]].drop_duplicates(["item_id_x", "item_id_y"])
    together = pairs[["item_id_x", "item_id_y"]].set_axis(["head_id", "tail_id"], axis="columns")
    fans = log[["item_id", "user_id"]].set_axis(["head_id", "tail_id"], axis="columns")
    sides = {
        "also_taken": RawRelation("item", "item", together, "undirected"),
        "fans": RawRelation("item", "fan", fans, "shared"),
        "category": raw.relations["category"],
        "co_view": raw.relations["co_view"],
    }
    found = relations_of(RawTables(log, sides)).set_index("relation")
    assert found["derived"].to_dict() == {"also_taken": True, "category": False, "co_view": False, "fans": True}
    assert found.loc["also_taken", "together"] == "100.0%"


def test_weights_count_too(tmp_path: Path) -> None:
    def cheat(raw: RawTables) -> list[TaskData]:
        found = preprocess(raw, min_rating=None, k=0, splitting=replace(RANDOM, method="given"))
        n = found.split.n_items
        items = np.arange(n)
        weights = (np.bincount(found.split.test["item"], minlength=n) + 1).astype(np.float64)
        return tasks_of([Relation("popular", "item", "item", items, np.roll(items, 1), n, n, weights)])

    assert reached_tasks(read_real("demo", tmp_path), RANDOM, cheat) == {"popular"}
