"""Whether a side task can see what is held out: an experiment, not a promise."""

from collections.abc import Callable

import pandas as pd

from pipeline.data.preprocessing import Splitting, preprocess
from pipeline.data.relation import Relation
from pipeline.data.splitting import PARTS, TRAIN
from pipeline.data.tables import ITEM_ID, PART, USER_ID, RawTables
from pipeline.relations import build_relations
from pipeline.seeding import numpy_generator

__all__ = ["Build", "build_from", "reached_tasks"]

_SAMPLE = 500_000  # interactions; what a task reads does not depend on how many there are

Build = Callable[[RawTables], list[Relation]]
"""All relations of a data set that has its own split."""


def reached_tasks(raw: RawTables, build: "Build | None" = None) -> set[str]:
    """Names of the tasks that change with what is held out; there should be none.

    The split is written down, the items of the held-out interactions are dealt out anew among them, and everything is built
    again: a task that reads a held-out pair gets another relation. What somebody's side information was made from lies outside
    this experiment; see ``survey.relations_of`` for signs of it.

    Args:
        raw: The data set in raw ids; a split of its own is kept, else one is drawn.
        build: How to build; the default is what the stages do.
    """
    parts = raw if PART in raw.interactions else _with_parts(raw)
    log = parts.interactions.copy()
    held = (log[PART] != TRAIN).to_numpy()
    log.loc[held, ITEM_ID] = numpy_generator(0, "leaks").permutation(log.loc[held, ITEM_ID].to_numpy())
    first, again = (
        {relation.name: (relation.heads.tobytes(), relation.tails.tobytes()) for relation in (build or build_from)(tables)}
        for tables in (parts, RawTables(log, raw.relations))
    )
    return {name for name in first | again if first.get(name) != again.get(name)}


def build_from(raw: RawTables) -> list[Relation]:
    """What the stages preprocess and build_tasks make of a data set with its own split."""
    processed = preprocess(raw, min_rating=None, k=0, splitting=_splitting("given"))
    return build_relations(processed.split.train_relation(), processed.sides)


def _with_parts(raw: RawTables) -> RawTables:
    """The same (or a sample of it), with a random split of it as its own."""
    log = raw.interactions[[USER_ID, ITEM_ID]]
    if len(log) > _SAMPLE:
        log = log.take(numpy_generator(0, "leaks", "sample").choice(len(log), _SAMPLE, replace=False))
    found = preprocess(RawTables(log, {}), min_rating=None, k=0, splitting=_splitting("random"))
    users, items = found.ids["user"], found.ids["item"]
    tables = [
        pd.DataFrame({USER_ID: users.raw(table["user"]), ITEM_ID: items.raw(table["item"]), PART: part}).astype("str")
        for part in PARTS
        for table in (getattr(found.split, part),)
    ]
    return RawTables(pd.concat(tables, ignore_index=True), raw.relations)


def _splitting(method: str) -> Splitting:
    return Splitting(method, (0.8, 0.1, 0.1), last_n=1, dates=None, seed=0, cold="keep")  # type: ignore[arg-type]
