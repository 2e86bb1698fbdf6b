"""Training interactions and side tables of one data set -> one relation per task."""

import logging
from collections.abc import Sequence

from pipeline import plugins
from pipeline.data.storage import load_sides, load_split, save_relations
from pipeline.files import check_folder, new_folder
from pipeline.params import read_params, unchanged
from stages._stage import parser, run

log = logging.getLogger(__name__)


def main(argv: Sequence[str] | None = None) -> None:
    """Build every task that the data set has tables for and that params.yaml does not leave out."""
    args = parser(__doc__, "params", "processed", "out").parse_args(argv)
    params = read_params(args.params)
    check_folder(args.processed)
    train, sides = load_split(args.processed).train_relation(), load_sides(args.processed)
    side_tasks = [name for name in plugins.side_tasks() if name not in params.build_tasks.leave_out]
    built = [plugins.load("tasks", name)(train, sides) for name in [plugins.MAIN_TASK, *side_tasks]]
    relations = [relation for relation in built if relation is not None and relation.n_edges > 0]
    for relation in relations:
        log.info("task %s: %d pairs %s-%s", relation.name, relation.n_edges, relation.head_type, relation.tail_type)
    with new_folder(args.out) as out:
        save_relations(out, relations)
        unchanged(args.params, params, lambda p: p.build_tasks)


if __name__ == "__main__":
    run(main)
