"""The settings of the best method on all interactions of a data set: the recommender that is served."""

import logging
from collections.abc import Sequence

from pipeline.artifacts import new_folder
from pipeline.data.storage import load_processed
from pipeline.integrity import check_folder
from pipeline.terminal.progress import progress
from pipeline.training.refit import refit
from pipeline.training.storage import save_learned
from stages._checked import read_checked
from stages._resumed import checkpoints_of
from stages._stage import parser, run

log = logging.getLogger(__name__)


def main(argv: Sequence[str] | None = None) -> None:
    """Train on train, valid and test together, for as many epochs as were best."""
    arguments = parser(__doc__, "checked", "built", "champion", "processed", "out", names=["dataset"])
    args = arguments.parse_args(argv)
    read_checked(args.checked)
    chosen, tasks = read_checked(args.champion), read_checked(args.built)["arguments"]
    name = f"{args.dataset}/refit {chosen['method']}"
    processed = load_processed(check_folder(args.processed))
    checkpoints = checkpoints_of(name, args.checked.parent, [chosen, tasks], [args.processed])
    learn_by = dict(chosen["arguments"]) | ({} if chosen["kind"] == "baselines" else {"checkpoints": checkpoints})
    params = {"dataset": args.dataset, "method": chosen["method"], "seed": chosen["seed"], **chosen["params"]}
    with new_folder(args.out) as out:
        with progress(name, chosen["epoch"]) as show:
            split, learned = refit(processed, chosen["kind"], learn_by, chosen["seed"], chosen["epoch"], tasks, show)
        what = "%s: %d interactions, %d epochs; nothing is held out, so no metric belongs to it"
        log.info(what, name, len(split.train), chosen["epoch"])
        save_learned(out, learned, params)
    checkpoints.remove()


if __name__ == "__main__":
    run(main)
