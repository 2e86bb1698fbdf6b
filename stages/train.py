"""Relations of one data set -> embeddings of the best epoch and the training's history, by one method and one seed."""

import logging
import sys
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Never

import pandas as pd
from safetensors.torch import save
from tqdm import tqdm

from pipeline import plugins, tracking
from pipeline.data.storage import load_relations, load_split
from pipeline.files import check_folder, new_folder, read_json, write_json
from pipeline.learning import Learned, learn_baseline, learn_by_gradients
from pipeline.options import plugin_options
from pipeline.params import flat, read_params, unchanged
from pipeline.provenance import Training
from pipeline.training import VALIDATION_METRIC, Epoch, make_deterministic, pick_device
from stages._stage import parser, run

log = logging.getLogger(__name__)


def main(argv: Sequence[str] | None = None) -> None:
    """Train; every epoch goes to MLflow as it ends."""
    paths = ["params", "rule", "processed", "tasks", "out"]
    args = parser(__doc__, *paths, names=["dataset", "method", "seed"]).parse_args(argv)
    params, seed, method = read_params(args.params), int(args.seed), read_json(args.rule)
    rule, chosen = (method["rule"], method["options"]), {"encoders": params.train.encoder, "losses": params.train.loss}
    parts = {kind: (name, plugin_options(args.params, params, kind, name)) for kind, name in chosen.items()}
    make_deterministic(params.train.threads)
    split, relations = load_split(check_folder(args.processed)), load_relations(check_folder(args.tasks))
    name = f"{args.dataset}/{args.method}/{seed}"
    sections = params.model_dump(mode="json", include={"preprocess", "build_tasks", "train"})
    # Not under the method's name: methods share columns in MLflow.
    options: dict[str, Any] = {"rule": {"name": method["rule"], **method["options"]}}
    if plugins.method_kind(method["rule"]) == "baselines":
        learn: Callable[..., Learned] = partial(learn_baseline, rule, split, seed)
        sections.pop("train")
    else:
        device = pick_device(params.train.device)
        log.info("%s on %s, tasks: %s", name, device, ", ".join(relation.name for relation in relations))
        settings: dict[str, Any] = {"encoder": parts["encoders"], "loss": parts["losses"], "loop": params.train.loop()}
        learn = partial(learn_by_gradients, rule, relations, split, seed, device, dim=params.train.dim, **settings)
        options |= {kind: dict([part]) for kind, part in parts.items()}
    described = {"dataset": args.dataset, "method": args.method, "seed": seed, **flat(sections | options)}
    inputs = {"processed": args.processed, "tasks": args.tasks}
    with tracking.live_run(Training(args.dataset, name, described, inputs, args.out)) as live:
        with tqdm(total=params.train.epochs, desc=name, unit="epoch", disable=not sys.stderr.isatty()) as bar:

            def on_epoch(epoch: Epoch) -> None:
                live.log_epoch(epoch.row())
                _show(bar, name, epoch)

            learned = learn(on_epoch=on_epoch)
        best = max(learned.history, key=lambda row: row[VALIDATION_METRIC])
        log.info("%s: best epoch %d, NDCG@20 on validation %.4f", name, best["epoch"], best[VALIDATION_METRIC])
        with new_folder(args.out) as out:
            for file, tensors in (("embeddings", learned.tables), ("state", learned.state)):
                (out / f"{file}.safetensors").write_bytes(save(dict(tensors)))
            pd.DataFrame(learned.history).to_csv(out / "history.csv", index=False)
            write_json(out / "model.json", {"params": described, "best": best})
            used = {**chosen, "combiners": args.method}.items()
            unchanged(args.params, params, lambda p: (p.train, *(getattr(p, kind).get(one) for kind, one in used)))


def _show(bar: "tqdm[Never]", name: str, epoch: Epoch) -> None:
    """A bar on a terminal, every fifth epoch a line elsewhere."""
    losses = ", ".join(f"{task} {value:.4f}" for task, value in epoch.losses.items())
    bar.set_postfix_str(f"loss {losses}; validation NDCG@20 {epoch.valid_ndcg:.4f}", refresh=False)
    bar.update()
    if bar.disable and epoch.number % 5 == 0:
        log.info("%s: epoch %3d, loss %s, NDCG@20 on validation %.4f", name, epoch.number, losses, epoch.valid_ndcg)


if __name__ == "__main__":
    run(main)
