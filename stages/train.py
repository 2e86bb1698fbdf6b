"""Relations of one data set -> embeddings of the best epoch and the training's history, by one method and one seed."""

import logging
import sys
from collections.abc import Sequence
from typing import Any, Never

import pandas as pd
from safetensors.torch import save
from tqdm import tqdm

from pipeline import tracking
from pipeline.assembly import assemble
from pipeline.data.storage import load_relations, load_split
from pipeline.files import check_folder, new_folder, read_json, write_json
from pipeline.options import plugin_options
from pipeline.params import flat, read_params, unchanged
from pipeline.provenance import Training
from pipeline.training import VALIDATION_METRIC, Epoch, fit, make_deterministic, pick_device
from stages._stage import parser, run

log = logging.getLogger(__name__)

LOOP_SETTINGS = {"optimizer", "lr", "weight_decay", "batch_size", "negatives", "epochs", "patience"}


def main(argv: Sequence[str] | None = None) -> None:
    """Train; every epoch goes to MLflow as it ends."""
    paths = ["params", "rule", "processed", "tasks", "out"]
    args = parser(__doc__, *paths, names=["dataset", "method", "seed"]).parse_args(argv)
    params, seed, method = read_params(args.params), int(args.seed), read_json(args.rule)
    encoder = (params.train.encoder, plugin_options(args.params, params, "encoders", params.train.encoder))
    loss = (params.train.loss, plugin_options(args.params, params, "losses", params.train.loss))
    make_deterministic(params.train.threads)
    split = load_split(check_folder(args.processed))
    relations = load_relations(check_folder(args.tasks))
    device = pick_device(params.train.device)
    name = f"{args.dataset}/{args.method}/{seed}"
    log.info("%s on %s, tasks: %s", name, device, ", ".join(relation.name for relation in relations))

    rule = (method["rule"], method["options"])
    parts = assemble(relations, seed, device, dim=params.train.dim, encoder=encoder, loss=loss, rule=rule)
    options: dict[str, Any] = {"encoders": dict([encoder]), "losses": dict([loss])}
    # Not under the method's name, so that methods share columns in MLflow.
    options["rule"] = {"name": method["rule"], **method["options"]}
    sections = params.model_dump(mode="json", include={"preprocess", "build_tasks", "train"})
    described = {"dataset": args.dataset, "method": args.method, "seed": seed, **flat(sections | options)}
    inputs = {"processed": args.processed, "tasks": args.tasks}
    training = Training(args.dataset, name, described, inputs, args.out)
    loop = params.train.model_dump(include=LOOP_SETTINGS)
    history = []
    with tracking.live_run(training) as live:
        with tqdm(total=params.train.epochs, desc=name, unit="epoch", disable=not sys.stderr.isatty()) as bar:
            for epoch in fit(parts.encoder, parts.combiner, parts.losses, relations, split, seed=seed, **loop):
                history.append(epoch.row())
                live.log_epoch(history[-1])
                _show(bar, name, epoch)
        best = max(history, key=lambda row: row[VALIDATION_METRIC])
        log.info("%s: best epoch %d, NDCG@20 on validation %.4f", name, best["epoch"], best[VALIDATION_METRIC])
        with new_folder(args.out) as out:
            (out / "embeddings.safetensors").write_bytes(save(parts.tables()))
            (out / "state.safetensors").write_bytes(save(parts.state()))
            pd.DataFrame(history).to_csv(out / "history.csv", index=False)
            write_json(out / "model.json", {"params": described, "best": best})
            chosen = (("encoders", encoder[0]), ("losses", loss[0]), ("combiners", args.method))
            unchanged(args.params, params, lambda p: (p.train, *(getattr(p, kind).get(name) for kind, name in chosen)))


def _show(bar: "tqdm[Never]", name: str, epoch: Epoch) -> None:
    """A bar on a terminal, every fifth epoch a line elsewhere."""
    losses = ", ".join(f"{task} {value:.4f}" for task, value in epoch.losses.items())
    bar.set_postfix_str(f"loss {losses}; validation NDCG@20 {epoch.valid_ndcg:.4f}", refresh=False)
    bar.update()
    if bar.disable and epoch.number % 5 == 0:
        log.info("%s: epoch %3d, loss %s, NDCG@20 on validation %.4f", name, epoch.number, losses, epoch.valid_ndcg)


if __name__ == "__main__":
    run(main)
