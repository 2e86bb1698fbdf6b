"""`pmtrec refit`: a training of this project once more, on all interactions, as an MLflow model."""

from pathlib import Path

from pipeline.commands.asking import opened
from pipeline.data.relation import ITEM, USER
from pipeline.data.storage import load_processed
from pipeline.errors import InputError, ParamsError
from pipeline.fingerprint import check_code
from pipeline.integrity import check_folder, read_json
from pipeline.ranking.links import Links
from pipeline.ranking.recommender import Recommender
from pipeline.ranking.storage import DTYPES
from pipeline.terminal.progress import progress
from pipeline.terminal.screen import say
from pipeline.tracking.packaging import save_packaged
from pipeline.training.refit import refit as train_on_all
from pipeline.training.served import about_model
from pipeline.training.warm_start import initial

__all__ = ["refit"]

_CHECKED = Path("data/checked")


def refit(dataset: str, method: str, seed: int, out: str, dtype: str, warm_start: str | None) -> None:
    """Train on everything for as many epochs as were best, and write the model.

    Args:
        dataset: Of a training of this project.
        method: Of that training.
        seed: Of that training.
        out: Folder that is not there yet.
        dtype: See ``DTYPES``.
        warm_start: A model at whose embeddings the users and items that it knows begin.

    Raises:
        InputError: If there is no such training, the folder is there, or the training had other settings than params.yaml now.
        ParamsError: If there is no such dtype.
    """
    model, processed = Path("models", dataset, method, str(seed)), Path("data/processed", dataset)
    checked = _CHECKED / dataset / "methods" / f"{method}.json"
    if dtype not in DTYPES:
        raise ParamsError(f"--dtype: there is no {dtype!r}. Fix: write one of {', '.join(DTYPES)}")
    if not model.is_dir() or not checked.is_file():
        raise InputError(f"{model}: there is no such training. Fix: add it to params.yaml, and run dvc repro")
    if Path(out).exists():
        raise InputError(f"--out: {out}: is there already. Fix: write another, or remove it")
    check_folder(_CHECKED)
    found, written = read_json(checked), read_json(check_folder(model) / "model.json")
    check_code(found["code"])
    if {**written["params"], **found["params"]} != written["params"]:
        raise InputError(f"{model}: was trained by other settings than those of now. Fix: run dvc repro first")
    tasks = read_json(_CHECKED / dataset / "build_tasks.json")["arguments"]
    epoch = int(written["best"]["epoch"])
    data = load_processed(check_folder(processed))
    arguments = dict(found["arguments"])
    if warm_start is not None:
        arguments["initial"] = initial(opened(warm_start), data.ids, found["kind"])
    with progress(f"{dataset}/refit {method}", epoch) as show:
        split, learned = train_on_all(data, found["kind"], arguments, seed, epoch, tasks, show)
    recommender = Recommender.of(
        split,
        data.ids[USER],
        data.ids[ITEM],
        learned.tables,
        links=[Links.of(side.links, data.ids) for side in data.sides.values()],
        weights=learned.weights,
        about=about_model(processed, model) | {"tasks": list(learned.tasks), "trained_on": "all interactions"},
        titles=data.titles,
    )
    save_packaged(recommender, Path(out), dtype)
    say(f"{out}: {method} on all {len(split.train):,} interactions, {epoch} epochs")
    say("Nothing is held out, so no metric belongs to it")
    say(f"Next: pmtrec recommend --from {out}, or mlflow models serve -m {out} --env-manager local")
