"""The data of every task, from training interactions and side tables."""

import logging
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

from pipeline import plugins
from pipeline.data.examples import TARGETS
from pipeline.data.pairs import as_pairs
from pipeline.data.placebo import Placebo, placebo
from pipeline.data.relation import ITEM, USER, NodeFeatures, Relation, SideTable
from pipeline.data.task_data import TaskData, TrainingData
from pipeline.errors import InputError, ParamsError

__all__ = ["build_tasks", "with_placebos"]

log = logging.getLogger(__name__)


def build_tasks(
    train: Relation,
    sides: Mapping[str, SideTable],
    leave_out: Collection[str] = (),
    features: Mapping[str, NodeFeatures] | None = None,
    *,
    named: Collection[str] = (),
    min_count: Mapping[str, int] | None = None,
) -> list[TaskData]:
    """The main task, and every side task that there is something for, by name.

    A side table that says what kind of relation it is becomes a ranking task of its name; of the others, files of
    pipeline/tasks/ make the tasks.

    Args:
        train: The *training* interactions: what is held out is not there to be reached.
        sides: Side tables by name.
        leave_out: Side tasks not to build.
        features: Node type -> features of its nodes.
        named: Those of the tasks that are built only where they are named.
        min_count: Side task -> how many links (or nodes in common) make a pair of it.
    """
    data = TrainingData(train, {name: side.links for name, side in sides.items()}, features or {})
    found = {
        name: TaskData(name, plugins.RANKING, as_pairs(name, side.links, side.kind))
        for name, side in sides.items()
        if side.kind
    }
    for name in plugins.side_tasks():
        kind = plugins.load("tasks", name)
        if name in found or (kind.opt_in and name not in named):
            continue
        if (task := kind.build(data)) is not None:
            found[name] = task
    for name, least in (min_count or {}).items():
        if name in found and name not in leave_out:
            found[name] = _frequent(found[name], least)
    main: TaskData = plugins.load("tasks", plugins.MAIN_TASK).build(data)
    return [main, *(found[name] for name in sorted(found) if name not in leave_out and not _is_empty(found[name]))]


def with_placebos(tasks: Sequence[TaskData], kinds: Mapping[str, Placebo], seed: int) -> list[TaskData]:
    """The same tasks, the relations of some in the form of a placebo.

    Args:
        tasks: The main task first.
        kinds: Task -> kind of its placebo.
        seed: For drawing the placebos.
    """
    found = []
    for task in tasks:
        note = ""
        if (kind := kinds.get(task.name)) and task.relation is not None:
            reads_values = TARGETS in plugins.load("tasks", task.kind).sampler.columns
            if (task.relation.head_type, task.relation.tail_type) == (USER, ITEM) and not (kind == "shuffled" and reads_values):
                problem = f"{kind} links would be other interactions than those of the main task"
                raise ParamsError(f"build_tasks.placebo.{task.name}: {problem}. Fix: remove it (ratings can be shuffled)")
            task, note = replace(task, relation=placebo(task.relation, kind, seed)), f" (placebo: {kind})"  # noqa: PLW2901
        found.append(task)
        links = task.relation
        pairs = "no pairs" if links is None else f"{links.n_edges} pairs {links.head_type}-{links.tail_type}"
        log.info("task %s: %s%s", task.name, pairs, note)
    return found


def _frequent(task: TaskData, least: int) -> TaskData:
    """The pairs that occur so often.

    Raises:
        ParamsError: If it has no pairs that could occur more than once.
        InputError: If none does.
    """
    place = f"build_tasks.min_count.{task.name}"
    if task.relation is None or "count" not in task.relation.values:
        raise ParamsError(f"{place}: the pairs of this task are interactions, and occur once. Fix: remove it")
    counts = task.relation.values["count"]
    frequent = task.relation.only(counts >= least)
    if not frequent.n_edges:
        raise InputError(f"{place}: no pair occurs {least} times, the most frequent {counts.max()} times. Fix: lower it")
    log.info("task %s: %d of %d pairs occur %d times or more", task.name, frequent.n_edges, task.relation.n_edges, least)
    return replace(task, relation=frequent)


def _is_empty(task: TaskData) -> bool:
    return task.relation is not None and task.relation.n_edges == 0
