"""Relations of one data set -> embeddings of the best epoch and the training's history, by one method and one seed."""

import logging
import sys
from collections.abc import Sequence
from typing import Never

import pandas as pd
from safetensors.torch import save_file
from tqdm import tqdm

from pipeline import plugins, tracking
from pipeline.data.relation import NodeTypes
from pipeline.data.storage import load_relations, load_split
from pipeline.files import check_folder, new_folder, write_json
from pipeline.params import flat, plugin_options, read_params
from pipeline.provenance import Training
from pipeline.seeding import torch_generator
from pipeline.training import VALIDATION_METRIC, Epoch, fit, make_deterministic, pick_device
from stages._stage import parser, run

log = logging.getLogger(__name__)

LOOP_SETTINGS = {"optimizer", "lr", "weight_decay", "batch_size", "epochs", "patience"}


def main(argv: Sequence[str] | None = None) -> None:
    """Train; every epoch goes to MLflow as it ends."""
    args = parser(__doc__, "params", "processed", "tasks", "out", names=["dataset", "method", "seed"]).parse_args(argv)
    params, seed = read_params(args.params), int(args.seed)
    kinds = (("encoders", params.train.encoder), ("losses", params.train.loss), ("combiners", args.method))
    plug_ins = {kind: (plugins.load(kind, name), plugin_options(args.params, params, kind, name)) for kind, name in kinds}
    make_deterministic(params.train.threads)
    split = load_split(check_folder(args.processed))
    relations = load_relations(check_folder(args.tasks))
    device = pick_device(params.train.device)
    name = f"{args.dataset}/{args.method}/{seed}"
    log.info("%s on %s, tasks: %s", name, device, ", ".join(relation.name for relation in relations))

    make_encoder, encoder_options = plug_ins["encoders"]
    initial = torch_generator(seed, "initial")
    encoder = make_encoder(NodeTypes.of(relations), params.train.dim, initial, **encoder_options).to(device)
    loss, combiner = (factory(**options).to(device) for factory, options in (plug_ins["losses"], plug_ins["combiners"]))
    options = {kind: {plug_in: plug_ins[kind][1]} for kind, plug_in in kinds}
    sections = params.model_dump(mode="json", include={"preprocess", "build_tasks", "train"})
    described = {"dataset": args.dataset, "method": args.method, "seed": seed, **flat(sections | options)}
    inputs = {"processed": args.processed, "tasks": args.tasks}
    training = Training(args.dataset, name, described, inputs, args.out)
    loop = params.train.model_dump(include=LOOP_SETTINGS)
    history = []
    with tracking.live_run(training) as live:
        with tqdm(total=params.train.epochs, desc=name, unit="epoch", disable=not sys.stderr.isatty()) as bar:
            for epoch in fit(encoder, combiner, loss, relations, split, seed=seed, **loop):
                history.append(epoch.row())
                live.log_epoch(history[-1])
                _show(bar, name, epoch)
        best = max(history, key=lambda row: row[VALIDATION_METRIC])
        log.info("%s: best epoch %d, NDCG@20 on validation %.4f", name, best["epoch"], best[VALIDATION_METRIC])
        with new_folder(args.out) as out:
            embeddings = encoder()
            tables = {kind: embeddings.table(kind).detach().cpu().clone() for kind in embeddings.nodes.sizes}
            save_file(tables, out / "embeddings.safetensors")
            pd.DataFrame(history).to_csv(out / "history.csv", index=False)
            write_json(out / "model.json", {"params": described, "best": best})


def _show(bar: "tqdm[Never]", name: str, epoch: Epoch) -> None:
    """A bar on a terminal, every fifth epoch a line elsewhere."""
    losses = ", ".join(f"{task} {value:.4f}" for task, value in epoch.losses.items())
    bar.set_postfix_str(f"loss {losses}; validation NDCG@20 {epoch.valid_ndcg:.4f}", refresh=False)
    bar.update()
    if bar.disable and epoch.number % 5 == 0:
        log.info("%s: epoch %3d, loss %s, NDCG@20 on validation %.4f", name, epoch.number, losses, epoch.valid_ndcg)


if __name__ == "__main__":
    run(main)
