"""No side task of any data set can reach a held-out pair.

The held-out interactions are replaced by others of the same users and items, and everything is built again: what a task gets
from them would show. A task and a reader that do reach them show that the test can fail.
"""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from pipeline import plugins
from pipeline.data.description import Description
from pipeline.data.preprocessing import Splitting, preprocess
from pipeline.data.relation import Relation
from pipeline.data.tables import ITEM_ID, PART, USER_ID, RawRelation, RawTables
from pipeline.datasets.custom import custom
from pipeline.relations import build_relations

RANDOM = Splitting("random", (0.8, 0.1, 0.1), last_n=1, dates=None, seed=0, cold="keep")
GIVEN = Splitting("given", (0.8, 0.1, 0.1), last_n=1, dates=None, seed=0, cold="keep")


def with_parts(raw: RawTables) -> RawTables:
    """The same with its random split written down."""
    found = preprocess(raw, min_rating=None, k=0, splitting=RANDOM)
    users, items = found.ids["user"], found.ids["item"]
    tables = [
        pd.DataFrame({USER_ID: users.raw(table["user"]), ITEM_ID: items.raw(table["item"]), PART: part}).astype("str")
        for part, table in (("train", found.split.train), ("valid", found.split.valid), ("test", found.split.test))
    ]
    return RawTables(pd.concat(tables, ignore_index=True), raw.relations)


def with_other_held_out_items(raw: RawTables) -> RawTables:
    """The same users and items, but who took what in valid and test is drawn anew."""
    log = raw.interactions.copy()
    held = (log[PART] != "train").to_numpy()
    log.loc[held, ITEM_ID] = np.random.default_rng(1).permutation(log.loc[held, ITEM_ID].to_numpy())
    return RawTables(log, raw.relations)


Build = Callable[[RawTables], list[Relation]]


def build(raw: RawTables) -> list[Relation]:
    found = preprocess(raw, min_rating=None, k=0, splitting=GIVEN)
    return build_relations(found.split.train_relation(), found.sides)


def reached(raw: RawTables, build: Build = build) -> set[str]:
    """Names of the tasks that change with what is held out."""
    parts = with_parts(raw)
    pairs = [
        {relation.name: (relation.heads.tobytes(), relation.tails.tobytes()) for relation in build(tables)}
        for tables in (parts, with_other_held_out_items(parts))
    ]
    return {name for name in pairs[0] if pairs[0][name] != pairs[1][name]}


def read(name: str, folder: Path) -> RawTables:
    dataset = plugins.load("datasets", name)
    dataset.fetch(folder)
    raw: RawTables = dataset.read(folder)
    return raw


def test_demo(tmp_path: Path) -> None:
    raw = read("demo", tmp_path)
    assert {relation.name for relation in build(with_parts(raw))} > {"social", "co_view", "category"}
    assert reached(raw) == set()


@pytest.mark.parametrize("name", sorted({*plugins.names("datasets")} - {"demo", plugins.CUSTOM}))
def test_real(name: str, mirror: Path, tmp_path: Path) -> None:
    assert mirror.is_dir()
    raw = read(name, tmp_path)
    assert len(build(with_parts(raw))) > 1
    assert reached(raw) == set()


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
    dataset = custom(Description.model_validate(described))
    (tmp_path / "raw").mkdir()
    dataset.fetch(tmp_path / "raw")
    raw = dataset.read(tmp_path / "raw")
    assert {relation.name for relation in build(with_parts(raw))} == {"recommendation", *relations}
    assert reached(raw) == set()


def test_a_task_that_uses_all_interactions_is_caught(tmp_path: Path) -> None:
    def cheat(raw: RawTables) -> list[Relation]:
        found = preprocess(raw, min_rating=None, k=0, splitting=GIVEN)
        everything = pd.concat([found.split.train, found.split.test])
        pairs = everything.merge(everything, on="user").to_numpy()[:, 1:]
        heads, tails = np.unique(pairs, axis=0).T
        n = found.split.n_items
        return [found.split.train_relation(), Relation("together", "item", "item", heads.copy(), tails.copy(), n, n)]

    assert reached(read("demo", tmp_path), cheat) == {"together"}


def test_a_side_table_that_holds_the_interactions_is_caught(tmp_path: Path) -> None:
    def cheat(raw: RawTables) -> list[Relation]:
        """As if the reader had made "who took it" from the whole log."""
        fans = raw.interactions.set_axis(["head_id", "tail_id", PART], axis="columns")[["tail_id", "head_id"]]
        side = RawRelation("item", "fan", fans.set_axis(["head_id", "tail_id"], axis="columns"), "shared")
        return build(RawTables(raw.interactions, {"fans": side}))

    assert reached(read("demo", tmp_path), cheat) == {"fans"}
