"""What the runs of MLflow are completed from: the folders of a training, or of a training on everything."""

import argparse
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

from pipeline.dvc_lock import locked_stages
from pipeline.evaluation.storage import load_evaluation
from pipeline.integrity import check_folder, json_text, read_json
from pipeline.tracking.completion import Trained
from pipeline.tracking.model_card import model_card
from pipeline.tracking.provenance import Training
from pipeline.training.served import about_model, recommender_of
from pipeline.training.storage import load_history

__all__ = ["refitted", "trained"]


def trained(args: argparse.Namespace, dataset: str, method: str, seed: int) -> Trained:
    """Of one of the trainings compared."""
    place, inputs = Path(dataset, method, str(seed)), _inputs(args, dataset)
    model, result = check_folder(args.models / place), args.results / place
    found, written = load_evaluation(result), read_json(model / "model.json")
    suffixes = (f"@{dataset}", f"@{dataset}-{method}-{seed}")
    lock = {name: stage for name, stage in locked_stages(args.lock).items() if name.endswith(suffixes)}
    about = about_model(inputs["processed"], model) | {"valid": written["best"]["valid/ndcg_at_20"]}
    return Trained(
        Training(dataset, method, seed, written["params"], inputs, model),
        partial(load_history, model),
        result,
        {**found.metrics, **{f"recall_{group}": value for group, value in found.item_groups.items()}},
        partial(recommender_of, inputs["processed"], model),
        model_card(about, found.metrics, found.item_groups, written["params"], is_refit=False),
        {"params.yaml": args.params.read_text(encoding="utf-8"), "dvc.lock.json": json_text(lock)},
        partial(_plot, model, place.as_posix()),
    )


def refitted(args: argparse.Namespace, dataset: str, champion: Mapping[str, Any]) -> Trained:
    """Of the training on everything; the metrics on its card are those of the training whose settings it has."""
    model, inputs = check_folder(args.refits / dataset), _inputs(args, dataset)
    written, method = read_json(model / "model.json"), champion["method"]
    found = load_evaluation(args.results / dataset / method / str(champion["seed"]))
    about = about_model(inputs["processed"], model) | {"valid": champion["valid"], "epoch": champion["epoch"]}
    return Trained(
        Training(dataset, method, None, written["params"], inputs, model),
        partial(load_history, model),
        None,
        {},
        partial(recommender_of, inputs["processed"], model, is_refit=True),
        model_card(about, found.metrics, found.item_groups, written["params"], is_refit=True),
        {"params.yaml": args.params.read_text(encoding="utf-8")},
        partial(_plot, model, f"{dataset}/{method}/refit"),
    )


def _inputs(args: argparse.Namespace, dataset: str) -> dict[str, Path]:
    return {"processed": args.processed / dataset, "tasks": args.tasks / dataset}


def _plot(model: Path, name: str, path: Path) -> None:
    from pipeline.reports.plots import save_run_plot  # late: most runs are complete already

    save_run_plot(model / "history.csv", name, path)
