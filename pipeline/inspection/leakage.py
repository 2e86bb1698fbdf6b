"""Leakage test: whether a side task depends on held-out interactions. An experiment, not a proof."""

import logging
from collections.abc import Callable
from dataclasses import replace

import pandas as pd

from pipeline.data.preprocessing import preprocess
from pipeline.data.split import PARTS, TRAIN, Split
from pipeline.data.splitting import Splitting
from pipeline.data.tables import ITEM_ID, PART, RATING, USER_ID, RawTables
from pipeline.data.task_data import TaskData
from pipeline.errors import InputError
from pipeline.plugins import side_tasks
from pipeline.seeding import numpy_generator
from pipeline.task_building import build_tasks

__all__ = ["Build", "as_given", "build_given", "reached_tasks", "refuse_leakage"]

_SAMPLE = 500_000  # interactions; what a task reads does not depend on how many there are
GIVEN = Splitting("given", (0.8, 0.1, 0.1), last_n=1, dates=None, seed=0, cold="keep")

Build = Callable[[RawTables], list[TaskData]]
"""All tasks of a data set with a split of its own."""


def build_given(raw: RawTables) -> list[TaskData]:
    """Build every task that there can be, as the stages do, for a data set that has its own split."""
    processed = preprocess(raw, min_rating=None, k=0, splitting=GIVEN)
    return build_tasks(processed.split.train_relation(), processed.sides, features=processed.features, named=side_tasks())


def reached_tasks(raw: RawTables, splitting: Splitting, build: Build = build_given) -> set[str]:
    """Names of the tasks whose relation depends on the held-out interactions; there should be none.

    The split is fixed, the items of the held-out interactions, as far as training has them too, are permuted, and everything is
    built again: a task that reads a held-out pair gets a different relation. What the raw files of a relation were computed
    from is beyond this experiment; see ``pipeline.data.derived`` for signs of it.

    Args:
        raw: The data set in raw ids.
        splitting: How to split; a large data set is sampled first.
        build: How to build; the default is what the stages do.
    """
    quiet = logging.getLogger("pipeline.data")
    before = quiet.level
    quiet.setLevel(logging.WARNING)  # it would log the counts of a sample, three times
    try:
        given = as_given(raw, splitting)
        log = given.interactions.copy()
        # Ids are numbered as they first appear, so only items that the training part, which comes first, has as well.
        held = (log[PART] != TRAIN).to_numpy() & log[ITEM_ID].isin(log[ITEM_ID][log[PART] == TRAIN]).to_numpy()
        log.loc[held, ITEM_ID] = numpy_generator(0, "leaks").permutation(log.loc[held, ITEM_ID].to_numpy())
        first, again = (
            {task.name: _content(task) for task in build(tables)}
            for tables in (given, RawTables(log, raw.relations, raw.features))
        )
    finally:
        quiet.setLevel(before)
    return {name for name in first | again if first.get(name) != again.get(name)}


def refuse_leakage(name: str, raw: RawTables, profile: pd.DataFrame, splitting: Splitting) -> None:
    """Refuse relations that look derived from the interactions, and side tasks that depend on what is held out.

    Args:
        name: Of the data set, for error lines.
        raw: The data set in raw ids.
        profile: What ``pipeline.inspection.profile.relations_of`` says of its relations.
        splitting: How to split.

    Raises:
        InputError: If there is one.
    """
    if raw.relations and (derived := profile["relation"][profile["derived"]].tolist()):
        problem = "links nearly all pairs that share interactions, as if derived from these, including held-out ones"
        raise InputError(*(f"{name}.{relation}: {problem}. Fix: remove this relation" for relation in derived))
    if reached := reached_tasks(raw, splitting):
        problem = f"{', '.join(sorted(reached))} depend on the held-out interactions"
        raise InputError(f"{name}: {problem}. Fix: derive them from the training interactions only")


def as_given(raw: RawTables, splitting: Splitting) -> RawTables:
    """The data set, or a sample of it, with the result of the split as its own split."""
    log = raw.interactions
    if len(log) > _SAMPLE:
        log = log.take(numpy_generator(0, "leaks", "sample").choice(len(log), _SAMPLE, replace=False))
    found = preprocess(RawTables(log, {}), min_rating=None, k=0, splitting=replace(splitting, cold="keep"))
    users, items = found.ids["user"], found.ids["item"]

    def raw_ids(split: Split, part: str) -> pd.DataFrame:
        table = getattr(split, part)
        columns = {USER_ID: users.raw(table["user"]), ITEM_ID: items.raw(table["item"]), PART: part}
        known = {column: table[column] for column in (RATING,) if column in table}
        return pd.DataFrame(columns).astype("str").assign(**known)

    return RawTables(pd.concat([raw_ids(found.split, part) for part in PARTS], ignore_index=True), raw.relations, raw.features)


def _content(task: TaskData) -> tuple[bytes, ...]:
    relation, features = task.relation, task.features
    columns = [] if relation is None else [relation.heads, relation.tails, relation.weights, *relation.values.values()]
    columns += [] if features is None else [features.values]
    return tuple(column.tobytes() for column in columns if column is not None)
