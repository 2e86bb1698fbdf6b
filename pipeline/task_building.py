"""The data of every task, from training interactions and side tables."""

import logging
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

from pipeline import plugins
from pipeline.data.pairs import as_pairs
from pipeline.data.placebo import Placebo, placebo
from pipeline.data.relation import NodeFeatures, Relation, SideTable
from pipeline.data.task_data import TaskData, TrainingData

__all__ = ["build_tasks", "with_placebos"]

log = logging.getLogger(__name__)


def build_tasks(
    train: Relation,
    sides: Mapping[str, SideTable],
    leave_out: Collection[str] = (),
    features: Mapping[str, NodeFeatures] | None = None,
) -> list[TaskData]:
    """The main task, and every side task that there is something for, by name.

    A side table that says what kind of relation it is becomes a ranking task of its name; of the others, files of
    pipeline/tasks/ make the tasks.

    Args:
        train: The *training* interactions: what is held out is not there to be reached.
        sides: Side tables by name.
        leave_out: Side tasks not to build.
        features: Node type -> features of its nodes.
    """
    data = TrainingData(train, {name: side.links for name, side in sides.items()}, features or {})
    found = {
        name: TaskData(name, plugins.RANKING, as_pairs(name, side.links, side.kind))
        for name, side in sides.items()
        if side.kind
    }
    for name in plugins.side_tasks():
        if name not in found and (task := plugins.load("tasks", name).build(data)) is not None:
            found[name] = task
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
            task, note = replace(task, relation=placebo(task.relation, kind, seed)), f" (placebo: {kind})"  # noqa: PLW2901
        found.append(task)
        links = task.relation
        pairs = "no pairs" if links is None else f"{links.n_edges} pairs {links.head_type}-{links.tail_type}"
        log.info("task %s: %s%s", task.name, pairs, note)
    return found


def _is_empty(task: TaskData) -> bool:
    return task.relation is not None and task.relation.n_edges == 0
