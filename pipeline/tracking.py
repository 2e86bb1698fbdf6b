"""The MLflow run of a training.

A run is found again by the *content* of what it made: a tag holds the hash, as DVC computes it, of its model's folder. So no
run id is in any output, and outputs that DVC took from a cache belong to the run that first made them. Tracking never makes
a training fail: a server that does not answer is warned of once, and the ``track`` stage writes the run from the files.
"""

import logging
import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from pipeline.errors import MachineError
from pipeline.files import dvc_hash
from pipeline.provenance import PROCESS, Training, process_is_gone, source_tags
from pipeline.recommender import ANSWER, REQUIREMENTS
from pipeline.tracking_store import connect, experiment_of, first_line

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Metric, Run

__all__ = ["LiveRun", "live_run", "record"]

log = logging.getLogger(__name__)

# Tags of a run.
MODEL = "pmtrec.model"  # DVC's hash of the folder with the trained model
RESULT = "pmtrec.result"  # the same of its current evaluation
RESTORED = "pmtrec.restored"  # written afterwards, from files that DVC had
_PACKAGED = "pmtrec.packaged"  # hash of the model that was logged

_EPOCHS_PER_CALL = 50  # log_batch takes 1000 metrics


class LiveRun:
    """The run of a training that is going on. Calls never raise: the first failure is logged and ends the tracking."""

    def __init__(self, training: Training) -> None:
        self._training = training
        self._client: MlflowClient | None = None
        with self._tolerant():
            client = connect()
            self._experiment_id = experiment_of(client, training.dataset)
            _end_orphans(client, self._experiment_id, training.name)
            self._run_id = _create_run(client, self._experiment_id, training)
            self._client = client

    def log_epoch(self, row: Mapping[str, float]) -> None:
        """One row of the history."""
        with self._tolerant():
            if self._client:
                self._client.log_batch(self._run_id, metrics=_history_metrics(pd.DataFrame([row])))

    def stop(self, status: str) -> None:
        """End a run that made nothing."""
        with self._tolerant():
            if self._client:
                self._client.set_terminated(self._run_id, status)

    def finish(self) -> None:
        """End the run and tag it with what it made; a run that made what an earlier one had made is deleted."""
        with self._tolerant():
            if self._client is None:
                return
            made = dvc_hash(self._training.model)
            twin = _find(self._client, self._experiment_id, self._training.name, made)
            self._client.set_tag(self._run_id, MODEL, made)
            self._client.set_terminated(self._run_id, "FINISHED")
            if twin:
                log.info("mlflow: the same model as that of run %s, which is kept", twin.info.run_id)
                self._client.delete_run(self._run_id)

    @contextmanager
    def _tolerant(self) -> Iterator[None]:
        try:
            yield
        # Whatever the tracking server, its client or its database does wrong must not cost a training.
        except Exception as error:  # noqa: BLE001
            self._client = None
            log.warning("mlflow: %s. Training goes on; the track stage writes the run later", first_line(error))


@contextmanager
def live_run(training: Training) -> Iterator[LiveRun]:
    """A run that ends FINISHED with the block, KILLED when it is interrupted, FAILED on any other error."""
    run = LiveRun(training)
    try:
        yield run
    except (KeyboardInterrupt, SystemExit):
        run.stop("KILLED")
        raise
    except BaseException:
        run.stop("FAILED")
        raise
    run.finish()


def record(
    training: Training,
    *,
    history: pd.DataFrame,
    result: Path,
    metrics: Mapping[str, float],
    recommender: Path,
    example_user: str,
    attachments: Path,
) -> str:
    """Bring the run of a model up to date: its evaluation, its packaged model, its attachments.

    The run is found by the hash of the model; where there is none, one is made from ``history`` and the params and marked
    as restored. Doing it twice changes nothing.

    Args:
        training: Which one.
        history: One row per epoch.
        result: Folder of the evaluation.
        metrics: Of the evaluation, ``<name>@<k>`` -> value.
        recommender: Folder that ``Recommender.load`` reads.
        example_user: A raw user id for the input example.
        attachments: Folder whose files are attached.

    Returns:
        The run's id.

    Raises:
        MachineError: If the tracking server or database cannot be used.
    """
    try:
        client = connect()
        run = _find_or_restore(client, training, history)
        run_id, tags = str(run.info.run_id), run.data.tags
        if tags.get(_PACKAGED) != tags[MODEL]:
            _log_model(client, recommender, example_user, run_id)
            client.set_tag(run_id, _PACKAGED, tags[MODEL])
        if tags.get(RESULT) != dvc_hash(result):
            _log_evaluation(client, run, metrics)
            client.set_tag(run_id, RESULT, dvc_hash(result))
        client.log_artifacts(run_id, str(attachments))
    except Exception as error:
        remote = os.environ.get("MLFLOW_TRACKING_URI")
        fix = f"see that {remote or 'mlflow.db'} can be used, then run dvc repro; nothing is trained again"
        raise MachineError(f"mlflow: {first_line(error)}. Fix: {fix}") from error
    return run_id


def _find_or_restore(client: "MlflowClient", training: Training, history: pd.DataFrame) -> "Run":
    made, experiment_id = dvc_hash(training.model), experiment_of(client, training.dataset)
    _end_orphans(client, experiment_id, training.name)
    if run := _find(client, experiment_id, training.name, made):
        return run
    run_id = _create_run(client, experiment_id, training)
    for start in range(0, len(history), _EPOCHS_PER_CALL):
        client.log_batch(run_id, metrics=_history_metrics(history[start : start + _EPOCHS_PER_CALL]))
    client.set_tag(run_id, RESTORED, "true")
    client.set_tag(run_id, MODEL, made)
    client.set_terminated(run_id, "FINISHED")
    return client.get_run(run_id)


def _create_run(client: "MlflowClient", experiment_id: str, training: Training) -> str:
    from mlflow.data.code_dataset_source import CodeDatasetSource
    from mlflow.data.meta_dataset import MetaDataset
    from mlflow.entities import DatasetInput, InputTag, Param

    hashes = {name: dvc_hash(path) for name, path in training.inputs.items()}
    tags = source_tags() | {f"dvc.input.{name}": digest for name, digest in hashes.items()}
    run_id = str(client.create_run(experiment_id, run_name=training.name, tags=tags).info.run_id)
    client.log_batch(run_id, params=[Param(key, str(value)) for key, value in training.params.items()])
    source = CodeDatasetSource({"path": str(training.inputs["tasks"])})
    # mlflow leaves one abstract method of this class of its own undefined, to no effect.
    data = MetaDataset(source, training.dataset, hashes["tasks"])  # type: ignore[abstract]
    context = InputTag("mlflow.data.context", "training")
    client.log_inputs(run_id, [DatasetInput(data._to_mlflow_entity(), [context])])
    return run_id


def _end_orphans(client: "MlflowClient", experiment_id: str, name: str) -> None:
    """Mark runs of this name as KILLED whose process is gone (kill -9 leaves no time to do so)."""
    for run in client.search_runs([experiment_id], f"attributes.run_name = '{name}' and attributes.status = 'RUNNING'"):
        if process_is_gone(run.data.tags.get(PROCESS, "")):
            client.set_terminated(run.info.run_id, "KILLED")


def _find(client: "MlflowClient", experiment_id: str, name: str, model_hash: str) -> "Run | None":
    """The finished run of this name whose model has this hash, the oldest if there are several."""
    wanted = f"attributes.run_name = '{name}' and attributes.status = 'FINISHED' and tags.`{MODEL}` = '{model_hash}'"
    runs = client.search_runs([experiment_id], wanted, order_by=["attributes.start_time ASC"], max_results=1)
    return runs[0] if runs else None


def _history_metrics(history: pd.DataFrame) -> "list[Metric]":
    """All columns but ``epoch``, which is the step; where an epoch has no value, there is nothing to log."""
    from mlflow.entities import Metric

    values = history.set_index("epoch").to_dict()
    return [
        Metric(str(name), value, time.time_ns() // 10**6, int(epoch))
        for name, of in values.items()
        for epoch, value in of.items()
        if value == value  # noqa: PLR0124  # false for NaN alone
    ]


def _log_evaluation(client: "MlflowClient", run: "Run", metrics: Mapping[str, float]) -> None:
    """Log the test metrics, each evaluation at a new step.

    MLflow keeps the last value of each metric for ever, so one that this evaluation no longer makes becomes NaN.
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

    # Model.log takes no client, and would put the model into the default experiment.
    mlflow.set_tracking_uri(client.tracking_uri)
    mlflow.set_experiment(experiment_id=client.get_run(run_id).info.experiment_id)
    Model.log(
        artifact_path=None,
        name="recommender",
        flavor=mlflow.pyfunc,
        run_id=run_id,
        loader_module="pipeline.recommender",
        data_path=str(recommender),
        code_paths=[str(Path(__file__).parent)],
        signature=ModelSignature(
            inputs=Schema([ColSpec(DataType.string, "user_id")]),
            outputs=Schema([ColSpec(DataType[kind], column) for column, kind in ANSWER.items()]),
            params=ParamSchema([ParamSpec("k", DataType.long, 10)]),
        ),
        input_example=pd.DataFrame({"user_id": [example_user]}),
        pip_requirements=[f"{name}=={version(name).partition('+')[0]}" for name in ("mlflow", *REQUIREMENTS)],
    )
