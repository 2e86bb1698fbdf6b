"""Relations of one data set -> embeddings of the best epoch and the training's history, by one method and one seed."""

import logging
import sys
from collections.abc import Sequence
from typing import Never

import pandas as pd
from safetensors.torch import save
from tqdm import tqdm

from pipeline import plugins
from pipeline.costs import Meter
from pipeline.data.storage import load_relations, load_split
from pipeline.evaluation import VALIDATION_METRIC
from pipeline.files import check_folder, new_folder, read_json, write_json
from pipeline.learning import learn
from pipeline.options import described
from pipeline.provenance import Training
from pipeline.tracking import live_run
from pipeline.training import Epoch
from stages._stage import parser, run

log = logging.getLogger(__name__)


def main(argv: Sequence[str] | None = None) -> None:
    """Train; every epoch goes to MLflow as it ends."""
    arguments = parser(__doc__, "settings", "processed", "tasks", "out", names=["dataset", "method", "seed"])
    args = arguments.parse_args(argv)
    check_folder(args.settings.parents[2])
    settings, seed = read_json(args.settings), int(args.seed)
    plugins.check_sources(settings["sources"])
    split, relations = load_split(check_folder(args.processed)), load_relations(check_folder(args.tasks))
    name = f"{args.dataset}/{args.method}/{seed}"
    params = {"dataset": args.dataset, "method": args.method, "seed": seed, **described(settings)}
    inputs = {"processed": args.processed, "tasks": args.tasks}
    meter = Meter()
    with live_run(Training(args.dataset, name, params, inputs, args.out)) as live:
        n_epochs = settings.get("train", {}).get("epochs", 1)
        with tqdm(total=n_epochs, desc=name, unit="epoch", disable=not sys.stderr.isatty()) as bar:

            def on_epoch(epoch: Epoch) -> None:
                live.log_epoch(epoch.row() | meter.read())
                _show(bar, name, epoch)

            learned = learn(settings, relations, split, seed, on_epoch)
        best = max(learned.history, key=lambda row: row[VALIDATION_METRIC])
        log.info("%s: best epoch %d, NDCG@20 on validation %.4f", name, best["epoch"], best[VALIDATION_METRIC])
        with new_folder(args.out) as out:
            for file, tensors in (("embeddings", learned.tables), ("state", learned.state)):
                (out / f"{file}.safetensors").write_bytes(save(dict(tensors)))
            pd.DataFrame(learned.history).to_csv(out / "history.csv", index=False)
            write_json(out / "model.json", {"params": params, "best": best})


def _show(bar: "tqdm[Never]", name: str, epoch: Epoch) -> None:
    """A bar on a terminal, every fifth epoch a line elsewhere."""
    losses = ", ".join(f"{task} {value:.4f}" for task, value in epoch.losses.items())
    bar.set_postfix_str(f"loss {losses}; validation NDCG@20 {epoch.valid_ndcg:.4f}", refresh=False)
    bar.update()
    if bar.disable and epoch.number % 5 == 0:
        log.info("%s: epoch %3d, loss %s, NDCG@20 on validation %.4f", name, epoch.number, losses, epoch.valid_ndcg)


if __name__ == "__main__":
    run(main)
