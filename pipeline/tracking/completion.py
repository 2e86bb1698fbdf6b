"""The MLflow run of a training that is over: completed, or made anew from its files."""

import hashlib
import os
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from pipeline.artifacts import dvc_hash, new_folder
from pipeline.errors import MachineError
from pipeline.tracking.provenance import Training
from pipeline.tracking.run import EPOCHS_PER_CALL, MODEL, create_run, end_orphans, find_run, history_metrics
from pipeline.tracking.store import connect, experiment_of, first_line

if TYPE_CHECKING:  # most runs are complete already, and need neither
    from mlflow import MlflowClient
    from mlflow.entities import Run

    from pipeline.ranking.recommender import Recommender

__all__ = ["Trained", "complete_run"]

# Tags of a run.
RESULT = "pmtrec.result"  # DVC's hash of its current evaluation
RESTORED = "pmtrec.restored"  # the run was recreated from files
_PACKAGED = "pmtrec.packaged"  # hash of the model that was packaged
_ATTACHED = "pmtrec.attached"  # hash of what was attached


@dataclass(frozen=True, eq=False)
class Trained:
    """What a run is completed from. What costs time is made when it is asked for: most runs are complete already.

    Attributes:
        training: Identifies the run.
        history: Gives a row per epoch.
        result: Folder of the evaluation.
        metrics: Of the evaluation, ``<name>@<k>`` -> value.
        recommender: Gives what is packaged.
        texts: Files to attach: name -> content.
        plot: Writes the plot of the training to a path.
    """

    training: Training
    history: Callable[[], pd.DataFrame]
    result: Path
    metrics: Mapping[str, float]
    recommender: "Callable[[], Recommender]"
    texts: Mapping[str, str]
    plot: Callable[[Path], None]


def complete_run(trained: Trained) -> str:
    """Bring the run of a model up to date: its evaluation, its packaged model, its attachments.

    The run is found by the hash of the model; where there is none, one is made from history and params and marked as
    restored. Doing it twice changes nothing.

    Returns:
        The run's id.

    Raises:
        MachineError: If the tracking server or database cannot be used.
    """
    try:
        client = connect()
        run = _find_or_restore(client, trained.training, trained.history)
        run_id, tags = str(run.info.run_id), run.data.tags
        with tempfile.TemporaryDirectory() as scratch:
            if tags.get(_PACKAGED) != tags[MODEL]:
                recommender = trained.recommender()
                with new_folder(Path(scratch, "recommender")) as packaged:
                    recommender.save(packaged)
                _log_model(client, Path(scratch, "recommender"), str(recommender.user_ids.index[0]), run_id)
                client.set_tag(run_id, _PACKAGED, tags[MODEL])
            if tags.get(RESULT) != (found := dvc_hash(trained.result)):
                _log_evaluation(client, run, trained.metrics)
                client.set_tag(run_id, RESULT, found)
            if tags.get(_ATTACHED) != (attached := _digest(trained.texts)):
                folder = Path(scratch, "attached")
                folder.mkdir()
                trained.plot(folder / "training.png")
                for name, text in trained.texts.items():
                    (folder / name).write_text(text, encoding="utf-8")
                client.log_artifacts(run_id, str(folder))
                client.set_tag(run_id, _ATTACHED, attached)
    except Exception as error:
        remote = os.environ.get("MLFLOW_TRACKING_URI")
        fix = f"make sure that {remote or 'mlflow.db'} is accessible, then run dvc repro; nothing is retrained"
        raise MachineError(f"mlflow: {first_line(error)}. Fix: {fix}") from error
    return run_id


def _digest(texts: Mapping[str, str]) -> str:
    return hashlib.sha256("\0".join(f"{name}\0{text}" for name, text in sorted(texts.items())).encode()).hexdigest()


def _find_or_restore(client: "MlflowClient", training: Training, history: Callable[[], pd.DataFrame]) -> "Run":
    made, experiment_id = dvc_hash(training.model), experiment_of(client, training.dataset)
    end_orphans(client, experiment_id, training.name)
    if run := find_run(client, experiment_id, training.name, made):
        return run
    run_id = create_run(client, experiment_id, training)
    rows = history()
    for start in range(0, len(rows), EPOCHS_PER_CALL):
        client.log_batch(run_id, metrics=history_metrics(rows[start : start + EPOCHS_PER_CALL]))
    client.set_tag(run_id, RESTORED, "true")
    client.set_tag(run_id, MODEL, made)
    client.set_terminated(run_id, "FINISHED")
    return client.get_run(run_id)


def _log_evaluation(client: "MlflowClient", run: "Run", metrics: Mapping[str, float]) -> None:
    """Log the test metrics, each evaluation at a new step.

    MLflow keeps the last value of each metric forever, so metrics that this evaluation no longer contains are set to NaN.
    """
    from mlflow.entities import Metric

    run_id, known = run.info.run_id, [name for name in run.data.metrics if name.startswith("test/")]
    step = max((m.step for name in known for m in client.get_metric_history(run_id, name)), default=-1) + 1
    current = {"test/" + name.replace("@", "_at_"): value for name, value in metrics.items()}
    values = dict.fromkeys(known, float("nan")) | current
    client.log_batch(run_id, metrics=[Metric(name, value, time.time_ns() // 10**6, step) for name, value in values.items()])


def _log_model(client: "MlflowClient", recommender: Path, example_user: str, run_id: str) -> None:
    """Package the recommender as a pyfunc: weights in safetensors and our code, no pickle."""
    import mlflow
    from mlflow.models import Model, ModelSignature
    from mlflow.types import ColSpec, DataType, ParamSchema, ParamSpec, Schema

    from pipeline.ranking.recommender import ANSWER, REQUIREMENTS

    # Model.log accepts no client, and would log the model to the default experiment.
    mlflow.set_tracking_uri(client.tracking_uri)
    mlflow.set_experiment(experiment_id=client.get_run(run_id).info.experiment_id)
    Model.log(
        artifact_path=None,
        name="recommender",
        flavor=mlflow.pyfunc,
        run_id=run_id,
        loader_module="pipeline.ranking.recommender",
        data_path=str(recommender),
        code_paths=[str(Path(__file__).parents[1])],
        signature=ModelSignature(
            inputs=Schema([ColSpec(DataType.string, "user_id")]),
            outputs=Schema([ColSpec(DataType[kind], column) for column, kind in ANSWER.items()]),
            params=ParamSchema([ParamSpec("k", DataType.long, 10)]),
        ),
        input_example=pd.DataFrame({"user_id": [example_user]}),
        pip_requirements=[f"{name}=={version(name).partition('+')[0]}" for name in ("mlflow", *REQUIREMENTS)],
    )
