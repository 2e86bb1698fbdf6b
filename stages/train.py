"""Tasks of one data set -> embeddings of the best epoch and the training's history, by one method and one seed."""

import logging
from collections.abc import Mapping, Sequence
from typing import Any

from pipeline.artifacts import check_folder, new_folder
from pipeline.data.storage import load_split, load_tasks
from pipeline.tasks.base import code_of
from pipeline.tracking.costs import Meter
from pipeline.tracking.provenance import Training
from pipeline.tracking.run import live_run
from pipeline.training.epoch import Epoch
from pipeline.training.learning import LEARN
from pipeline.training.storage import save_learned
from stages._checked import read_checked
from stages._progress import progress
from stages._stage import parser, run

log = logging.getLogger(__name__)


def main(argv: Sequence[str] | None = None) -> None:
    """Train, and log each epoch to MLflow as it ends."""
    arguments = parser(__doc__, "checked", "processed", "tasks", "out", names=["dataset", "method", "seed"])
    args = arguments.parse_args(argv)
    checked, seed = read_checked(args.checked), int(args.seed)
    split = load_split(check_folder(args.processed))
    tasks = load_tasks(check_folder(args.tasks), code_of)
    name = f"{args.dataset}/{args.method}/{seed}"
    params = {"dataset": args.dataset, "method": args.method, "seed": seed, **checked["params"]}
    chosen = checked["arguments"]
    meter = Meter()
    inputs = {"processed": args.processed, "tasks": args.tasks}
    with live_run(Training(args.dataset, name, params, inputs, args.out)) as live:
        with progress(name, _epochs(checked)) as show:

            def on_epoch(epoch: Epoch) -> None:
                live.log_epoch(epoch.row() | meter.read(epoch.seconds))
                show(epoch)

            learned = LEARN[checked["kind"]](tasks, split, seed, on_epoch, **chosen)
        log.info("%s: best epoch %d, validation NDCG@20 %.4f", name, *learned.best_epoch())
        with new_folder(args.out) as out:
            save_learned(out, learned, params)


def _epochs(checked: Mapping[str, Any]) -> int:
    """How many there are at most."""
    found: int = checked["arguments"].get("epochs", 1)
    if checked["kind"] == "solvers":
        found = checked["arguments"]["solver"][1].get("sweeps", 1)
    return found


if __name__ == "__main__":
    run(main)
