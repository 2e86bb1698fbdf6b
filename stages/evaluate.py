"""Embeddings and the test set -> mean metrics, and one value per user and metric."""

import logging
from collections.abc import Sequence
from functools import partial

from pipeline.artifacts import new_folder
from pipeline.data.storage import load_sides, load_split
from pipeline.evaluation.evaluation import evaluate_model
from pipeline.evaluation.storage import save_evaluation
from pipeline.integrity import check_folder
from pipeline.training.storage import load_tables
from stages._checked import read_checked
from stages._stage import parser, run

log = logging.getLogger(__name__)


def main(argv: Sequence[str] | None = None) -> None:
    """Rank the whole catalogue for every user with test items."""
    args = parser(__doc__, "checked", "processed", "model", "out").parse_args(argv)
    chosen = read_checked(args.checked)["arguments"]
    processed = check_folder(args.processed)
    with new_folder(args.out) as out:
        found = evaluate_model(load_tables(args.model), load_split(processed), partial(load_sides, processed), **chosen)
        shown = ", ".join(f"{name} {value:.4f}" for name, value in found.metrics.items())
        log.info("test, %d users: %s", len(found.per_user), shown)
        save_evaluation(out, found)


if __name__ == "__main__":
    run(main)
