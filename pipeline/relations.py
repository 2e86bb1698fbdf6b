"""The relation of every task, from training interactions and side tables."""

from collections.abc import Collection, Mapping

from pipeline import plugins
from pipeline.data.relation import Relation, Side
from pipeline.tasks._forms import as_task

__all__ = ["build_relations"]


def build_relations(train: Relation, sides: Mapping[str, Side], leave_out: Collection[str] = ()) -> list[Relation]:
    """The main task's relation, and one of every side task that there is something for.

    A side table with a form becomes the task of its name; of the others, files of pipeline/tasks/ make the tasks.

    Args:
        train: The *training* interactions: what is held out is not there to be reached.
        sides: Side tables by name.
        leave_out: Side tasks not to build.
    """
    links = {name: side.links for name, side in sides.items()}
    found = {name: as_task(name, side.links, side.form) for name, side in sides.items() if side.form}
    for name in plugins.side_tasks():
        if name not in found and (relation := plugins.load("tasks", name)(train, links)) is not None:
            found[name] = relation
    main: Relation = plugins.load("tasks", plugins.MAIN_TASK)(train, links)
    return [main, *(found[name] for name in sorted(found) if name not in leave_out and found[name].n_edges > 0)]
