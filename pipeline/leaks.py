"""Whether a side task can see what is held out: an experiment, not a promise."""

import logging
from collections.abc import Callable
from dataclasses import replace

import pandas as pd

from pipeline.data.preprocessing import preprocess
from pipeline.data.relation import Relation
from pipeline.data.splitting import PARTS, TRAIN, Split, Splitting
from pipeline.data.tables import ITEM_ID, PART, USER_ID, RawTables
from pipeline.relations import build_relations
from pipeline.seeding import numpy_generator

__all__ = ["Build", "as_given", "build_given", "reached_tasks"]

_SAMPLE = 500_000  # interactions; what a task reads does not depend on how many there are
GIVEN = Splitting("given", (0.8, 0.1, 0.1), last_n=1, dates=None, seed=0, cold="keep")

Build = Callable[[RawTables], list[Relation]]
"""All relations of a data set with a split of its own."""


def build_given(raw: RawTables) -> list[Relation]:
    """What the stages preprocess and build_tasks make of a data set with a split of its own."""
    processed = preprocess(raw, min_rating=None, k=0, splitting=GIVEN)
    return build_relations(processed.split.train_relation(), processed.sides)


def reached_tasks(raw: RawTables, splitting: Splitting, build: Build = build_given) -> set[str]:
    """Names of the tasks that change with what is held out; there should be none.

    The split is written down, the items of the held-out interactions are dealt out anew among them, and everything is built
    again: a task that reads a held-out pair gets another relation. What the files of a relation were made from lies outside
    this experiment; see ``pipeline.data.derived`` for signs of it.

    Args:
        raw: The data set in raw ids.
        splitting: How to split; of a large data set, a sample is.
        build: How to build; the default is what the stages do.
    """
    quiet = logging.getLogger("pipeline.data.preprocessing")
    before = quiet.level
    quiet.setLevel(logging.WARNING)  # its counts would be those of a sample, three times
    try:
        given = as_given(raw, splitting)
        log = given.interactions.copy()
        held = (log[PART] != TRAIN).to_numpy()
        log.loc[held, ITEM_ID] = numpy_generator(0, "leaks").permutation(log.loc[held, ITEM_ID].to_numpy())
        first, again = (
            {relation.name: _content(relation) for relation in build(tables)}
            for tables in (given, RawTables(log, raw.relations))
        )
    finally:
        quiet.setLevel(before)
    return {name for name in first | again if first.get(name) != again.get(name)}


def as_given(raw: RawTables, splitting: Splitting) -> RawTables:
    """The same (or a sample of it), with its split as its own."""
    log = raw.interactions
    if len(log) > _SAMPLE:
        log = log.take(numpy_generator(0, "leaks", "sample").choice(len(log), _SAMPLE, replace=False))
    found = preprocess(RawTables(log, {}), min_rating=None, k=0, splitting=replace(splitting, cold="keep"))
    users, items = found.ids["user"], found.ids["item"]

    def raw_ids(split: Split, part: str) -> pd.DataFrame:
        table = getattr(split, part)
        columns = {USER_ID: users.raw(table["user"]), ITEM_ID: items.raw(table["item"]), PART: part}
        return pd.DataFrame(columns).astype("str")

    return RawTables(pd.concat([raw_ids(found.split, part) for part in PARTS], ignore_index=True), raw.relations)


def _content(relation: Relation) -> tuple[bytes, ...]:
    columns = (relation.heads, relation.tails, relation.weights)
    return tuple(column.tobytes() for column in columns if column is not None)
