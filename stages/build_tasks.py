"""Training interactions and side tables of one data set -> the data of every task."""

import logging
from collections.abc import Sequence

from pipeline.artifacts import new_folder
from pipeline.data.storage import load_features, load_sides, load_split, save_tasks
from pipeline.integrity import check_folder
from pipeline.task_building import build_tasks, with_placebos
from pipeline.tasks.base import code_of
from stages._checked import read_checked
from stages._stage import parser, run

log = logging.getLogger(__name__)


def main(argv: Sequence[str] | None = None) -> None:
    """Build every task that has data and that params.yaml does not leave out."""
    args = parser(__doc__, "checked", "processed", "out").parse_args(argv)
    chosen = read_checked(args.checked)["arguments"]
    folder = check_folder(args.processed)
    train, sides = load_split(folder).train_relation(), load_sides(folder)
    asked = {"named": chosen["named"], "min_count": chosen["min_count"]}
    tasks = build_tasks(train, sides, chosen["leave_out"], load_features(folder), **asked)
    if absent := set(chosen["named"]) - {task.name for task in tasks} - set(chosen["leave_out"]):
        log.info("not built, as the data set lacks what they need: %s (section tasks)", ", ".join(sorted(absent)))
    if idle := ({*chosen["min_count"], *chosen["placebo"]}) - {task.name for task in tasks}:
        log.warning("min_count and placebo change nothing of tasks that are not built: %s", ", ".join(sorted(idle)))
    with new_folder(args.out) as out:
        save_tasks(out, with_placebos(tasks, chosen["placebo"], chosen["placebo_seed"]), code_of)


if __name__ == "__main__":
    run(main)
