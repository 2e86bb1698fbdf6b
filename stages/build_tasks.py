"""Training interactions and side tables of one data set -> one relation per task."""

import logging
from collections.abc import Sequence

from pipeline.data.placebo import placebo
from pipeline.data.storage import load_sides, load_split, save_relations
from pipeline.files import check_folder, new_folder, read_json
from pipeline.relations import build_relations
from pipeline.sections import BuildTasks
from stages._stage import parser, run

log = logging.getLogger(__name__)


def main(argv: Sequence[str] | None = None) -> None:
    """Build every task that there is something for and that params.yaml does not leave out."""
    args = parser(__doc__, "settings", "processed", "out").parse_args(argv)
    check_folder(args.settings.parents[1])
    chosen = BuildTasks.model_validate(read_json(args.settings))
    check_folder(args.processed)
    relations = build_relations(load_split(args.processed).train_relation(), load_sides(args.processed), chosen.leave_out)
    for place, relation in enumerate(relations):
        note = ""
        if kind := chosen.placebo.get(relation.name):
            relations[place], note = placebo(relation, kind, chosen.placebo_seed), f" (placebo: {kind})"
        log.info("task %s: %d pairs %s-%s%s", relation.name, relation.n_edges, relation.head_type, relation.tail_type, note)
    with new_folder(args.out) as out:
        save_relations(out, relations)


if __name__ == "__main__":
    run(main)
