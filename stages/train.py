"""Tasks of one data set -> embeddings of the best epoch and the training's history, by one method and one seed."""

import logging
from collections.abc import Mapping, Sequence
from typing import Any

from pipeline.artifacts import new_folder, refuse_busy
from pipeline.data.storage import load_split, load_tasks
from pipeline.integrity import check_folder
from pipeline.metric_names import VALIDATION_METRIC
from pipeline.tasks.base import code_of
from pipeline.terminal.progress import progress
from pipeline.tracking.live_run import live_run
from pipeline.tracking.provenance import Training
from pipeline.training.costs import Meter
from pipeline.training.epoch import Epoch
from pipeline.training.learning import LEARN
from pipeline.training.storage import save_learned
from stages._checked import place_of, read_checked
from stages._resumed import checkpoints_of
from stages._stage import parser, run

log = logging.getLogger(__name__)


def main(argv: Sequence[str] | None = None) -> None:
    """Train, and log each epoch to MLflow as it ends."""
    arguments = parser(__doc__, "checked", "processed", "tasks", "out", "costs", names=["dataset", "method", "seed"])
    args = arguments.parse_args(argv)
    checked, seed = read_checked(args.checked), int(args.seed)
    split = load_split(check_folder(args.processed))
    tasks = load_tasks(check_folder(args.tasks), code_of)
    params = {"dataset": args.dataset, "method": args.method, "seed": seed, **checked["params"]}
    inputs = {"processed": args.processed, "tasks": args.tasks}
    training = Training(args.dataset, args.method, seed, params, inputs, args.out)
    name = training.key
    chosen = checked["arguments"]
    refuse_busy(args.out)
    checkpoints = checkpoints_of(name, args.checked.parents[2], [checked, seed], [args.processed, args.tasks])
    if checked["kind"] != "baselines":
        chosen["checkpoints"] = checkpoints
    meter = Meter()
    with live_run(training) as live, new_folder(args.costs) as costs, new_folder(args.out) as out:
        place = place_of(args.checked, (args.dataset, args.method, seed))
        with progress(f"{name} ({place})", _epochs(checked)) as show:

            def on_epoch(epoch: Epoch) -> None:
                live.log_epoch(epoch.row() | meter.read(epoch.number, epoch.seconds))
                show(epoch)

            learned = LEARN[checked["kind"]](tasks, split, seed, on_epoch, **chosen)
        best = learned.best()
        log.info("%s: best epoch %d, validation NDCG@20 %.4f", name, best["epoch"], best[VALIDATION_METRIC])
        meter.save(costs)
        save_learned(out, learned, params)
    checkpoints.remove()


def _epochs(checked: Mapping[str, Any]) -> int:
    """How many there are at most."""
    found: int = checked["arguments"].get("epochs", 1)
    if checked["kind"] == "solvers":
        found = checked["arguments"]["solver"][1].get("sweeps", 1)
    return found


if __name__ == "__main__":
    run(main)
