"""The MLflow run of a training that is over: completed, or made anew from its files."""

import hashlib
import os
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from pipeline.errors import MachineError, PmtrecError
from pipeline.integrity import dvc_hash
from pipeline.metric_names import VALIDATION_METRIC
from pipeline.secrets import without_secret
from pipeline.sqlite_file import is_whole
from pipeline.tracking.deadline import Overdue
from pipeline.tracking.own_database import is_made, own_database
from pipeline.tracking.packaging import save_packaged, served_code
from pipeline.tracking.project import PROJECT, is_ours, owner
from pipeline.tracking.provenance import Training
from pipeline.tracking.run import (
    BEST_EPOCH,
    BEST_VALID,
    EPOCHS_PER_CALL,
    MODEL,
    create_run,
    described,
    end_orphans,
    find_runs,
    history_metrics,
)
from pipeline.tracking.store import connect, experiment_of, first_line

if TYPE_CHECKING:  # most runs are complete already, and need neither
    from mlflow import MlflowClient
    from mlflow.entities import Run

    from pipeline.ranking.recommender import Recommender

__all__ = ["Trained", "complete_run", "model_of", "tracked"]

# Tags of a run.
RESULT = "pmtrec.result"  # DVC's hash of its current evaluation
RESTORED = "pmtrec.restored"  # the run was recreated from files
_PACKAGED = "pmtrec.packaged"  # hash of the model that was packaged, and of the code it was packaged with
_ATTACHED = "pmtrec.attached"  # hash of what was attached
_LOGGED = "pmtrec.logged_model"  # id of the packaged model
_NOTE = "mlflow.note.content"


@dataclass(frozen=True, eq=False)
class Trained:
    """What a run is completed from. What costs time is made when it is asked for: most runs are complete already.

    Attributes:
        training: Identifies the run.
        history: Gives a row per epoch.
        result: Folder of the evaluation; ``None`` for a training on all interactions, which has none.
        metrics: Of the evaluation, ``<name>@<k>`` -> value.
        recommender: Gives what is packaged.
        card: Model card.
        texts: Files to attach: name -> content.
        plot: Writes the plot of the training to a path.
    """

    training: Training
    history: Callable[[], pd.DataFrame]
    result: Path | None
    metrics: Mapping[str, float]
    recommender: "Callable[[], Recommender]"
    card: str
    texts: Mapping[str, str]
    plot: Callable[[Path], None]


@contextmanager
def tracked() -> Iterator["MlflowClient"]:
    """A client for a piece of work that needs the tracking store.

    Raises:
        MachineError: If the tracking server or database cannot be used.
    """
    try:
        yield connect()
    except (PmtrecError, LookupError, TypeError, AttributeError):  # what a user can mend says so; the others are our own
        raise
    except (Exception, Overdue) as error:
        remote = os.environ.get("MLFLOW_TRACKING_URI")
        if not remote and is_made(own_database()) and not is_whole(own_database()):
            raise MachineError(f"mlflow.db: is damaged ({first_line(error)}). Fix: pmtrec repair") from error
        fix = f"make sure that {without_secret(remote or 'mlflow.db')} is accessible, then run dvc repro; nothing is retrained"
        raise MachineError(f"mlflow: {first_line(error)}. Fix: {fix}") from error


def complete_run(client: "MlflowClient", trained: Trained) -> str:
    """Bring the run of a model up to date: its packaged model, its evaluation, its attachments.

    The run is found by the hash of the model; where there is none, one is made from history and params and marked as
    restored. Doing it twice changes nothing.

    Returns:
        The run's id.
    """
    run = _find_or_restore(client, trained)
    run_id, tags = str(run.info.run_id), run.data.tags
    if is_ours(tags) and tags.get(PROJECT, "") != owner():  # params.yaml names it since
        client.set_tag(run_id, PROJECT, owner())
    with tempfile.TemporaryDirectory() as scratch:
        if _is_due(tags, _PACKAGED, packaged := f"{tags[MODEL]} {served_code()}"):
            model_id = _log_model(client, run, trained, Path(scratch, "model"))
            client.set_tag(run_id, _LOGGED, model_id)
            client.set_tag(run_id, _PACKAGED, packaged)
            tags = {**tags, _LOGGED: model_id}
        if trained.result is not None and _is_due(tags, RESULT, found := dvc_hash(trained.result)):
            _log_evaluation(client, run, tags[_LOGGED], trained)
            client.set_tag(run_id, RESULT, found)
        if _is_due(tags, _ATTACHED, attached := _digest({**trained.texts, "card": trained.card})):
            folder = Path(scratch, "attached")
            folder.mkdir()
            trained.plot(folder / "training.png")
            trained.history().to_csv(folder / "history.csv", index=False)
            for name, text in trained.texts.items():
                (folder / name).write_text(text, encoding="utf-8")
            client.log_artifacts(run_id, str(folder))
            client.set_logged_model_tags(tags[_LOGGED], {_NOTE: trained.card})
            client.set_tag(run_id, _ATTACHED, attached)
    return run_id


def model_of(client: "MlflowClient", run_id: str) -> str:
    """Id of the model of a completed run."""
    return str(client.get_run(run_id).data.tags[_LOGGED])


def _is_due(tags: Mapping[str, str], name: str, now: str) -> bool:
    """Whether something of a run is missing, or is of before and ours to change."""
    return tags.get(name) != now and (name not in tags or is_ours(tags))


def _digest(texts: Mapping[str, str]) -> str:
    return hashlib.sha256("\0".join(f"{name}\0{text}" for name, text in sorted(texts.items())).encode()).hexdigest()


def _find_or_restore(client: "MlflowClient", trained: Trained) -> "Run":
    training = trained.training
    made, experiment_id = dvc_hash(training.model), experiment_of(client, training.dataset)
    end_orphans(client, experiment_id)
    known = find_runs(client, experiment_id, training.key, made)
    result = None if trained.result is None else dvc_hash(trained.result)
    ours = [run for run in known if is_ours(run.data.tags)]
    # What another clone has evaluated in the same way serves both; in another way, it is left to it.
    if found := [*ours, *(run for run in known if run.data.tags.get(RESULT) == result)]:
        return found[0]
    run_id = create_run(client, experiment_id, described(training))
    rows = trained.history()
    if VALIDATION_METRIC in rows:
        best = rows[VALIDATION_METRIC].cummax()
        epochs = rows["epoch"].where(best > best.shift(fill_value=-1.0)).ffill()
        rows = pd.concat([pd.DataFrame({BEST_VALID: best, BEST_EPOCH: epochs}), rows], axis=1)
    for start in range(0, len(rows), EPOCHS_PER_CALL):
        client.log_batch(run_id, metrics=history_metrics(rows[start : start + EPOCHS_PER_CALL]))
    if training.seed is not None:  # a training on everything is never seen live, so it is not restored either
        client.set_tag(run_id, RESTORED, "true")
    client.set_tag(run_id, MODEL, made)
    client.set_terminated(run_id, "FINISHED")
    return client.get_run(run_id)


def _log_evaluation(client: "MlflowClient", run: "Run", model_id: str, trained: Trained) -> None:
    """Log the test metrics, each evaluation at a new step, for the run and for its model.

    MLflow keeps the last value of each metric forever, so metrics that this evaluation no longer contains are set to NaN.
    """
    from mlflow.entities import Metric

    run_id, known = run.info.run_id, [name for name in run.data.metrics if name.startswith("test/")]
    step = max((m.step for name in known for m in client.get_metric_history(run_id, name)), default=-1) + 1
    best = {name: value for name, value in run.data.metrics.items() if name.startswith("best/")}
    current = {"test/" + name.replace("@", "_at_"): value for name, value in trained.metrics.items()}
    values = dict.fromkeys(known, float("nan")) | current
    data = next(given.dataset for given in (run.inputs.dataset_inputs if run.inputs else []))
    now = time.time_ns() // 10**6
    linked = {"model_id": model_id, "dataset_name": data.name, "dataset_digest": data.digest, "run_id": run_id}
    last = len(trained.history())  # the best so far at the last epoch is the best
    metrics = [Metric(name, value, now, last, **linked) for name, value in best.items()]
    client.log_batch(run_id, metrics=metrics + [Metric(name, value, now, step, **linked) for name, value in values.items()])


def _log_model(client: "MlflowClient", run: "Run", trained: Trained, folder: Path) -> str:
    """Package the recommender and log it to the run: its id."""
    from mlflow.entities import LoggedModelOutput
    from mlflow.models import Model

    training, run_id = trained.training, str(run.info.run_id)
    name = training.key.replace("/", "-")
    params = {key: str(value) for key, value in training.params.items()}
    logged = client.create_logged_model(
        run.info.experiment_id, name=name, source_run_id=run_id, params=params, model_type="recommender"
    )
    described: Any = Model(
        artifact_path=logged.artifact_location, model_uuid=logged.model_id, run_id=run_id, model_id=logged.model_id
    )
    save_packaged(trained.recommender(), folder, model=described)
    client.log_model_artifacts(logged.model_id, str(folder))
    client.log_outputs(run_id, [LoggedModelOutput(logged.model_id, step=0)])
    client.finalize_logged_model(logged.model_id, "READY")
    return str(logged.model_id)
