"""The MLflow run of a training, while it goes on.

A run is identified by the *content* of its output: a tag holds DVC's hash of the model folder. So no output contains a run
id, and outputs that DVC restores from its cache belong to the run that first produced them. Tracking never makes a training
fail: an unreachable server causes one warning, and the ``track`` stage writes the run from the files later.
"""

import logging
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pandas as pd

from pipeline.integrity import dvc_hash
from pipeline.metric_names import VALIDATION_METRIC
from pipeline.processes import is_gone
from pipeline.tracking.provenance import PROCESS, Training, source_tags
from pipeline.tracking.store import connect, experiment_of, first_line

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Metric, Run

__all__ = [
    "BEST_EPOCH",
    "BEST_VALID",
    "EPOCHS_PER_CALL",
    "KEY",
    "MODEL",
    "LiveRun",
    "create_run",
    "end_orphans",
    "find_run",
    "history_metrics",
    "live_run",
]

log = logging.getLogger(__name__)

MODEL = "pmtrec.model"
"""Tag of a run: DVC's hash of the folder with the trained model."""

KEY = "pmtrec.key"
"""Tag of a run: which training it is of (``Training.key``)."""

BEST_VALID, BEST_EPOCH = "best/valid_ndcg_at_20", "best/epoch"
"""Metrics of the model that was kept; the last value of ``valid/...`` is that of the last epoch."""

EPOCHS_PER_CALL = 20
"""Rows of a history that one call sends: log_batch takes 1000 metrics, of which a row has some 40."""

_LEVELS = 2  # of a name: train/weight/social is logged, train/weight/social/short is not

_SECONDS_BETWEEN_CALLS = 2.0


class LiveRun:
    """The run of a training in progress. Calls never raise: the first failure is logged and ends tracking."""

    def __init__(self, training: Training) -> None:
        self._training = training
        self._best: dict[str, float] = {}
        self._waiting: list[dict[str, float]] = []
        self._times: list[int] = []
        self._sent = time.monotonic()
        self._client: MlflowClient | None = None
        with self._tolerant():
            client = connect()
            self._experiment_id = experiment_of(client, training.dataset)
            end_orphans(client, self._experiment_id, training.key)
            self._run_id = create_run(client, self._experiment_id, training)
            self._client = client

    def log_epoch(self, row: Mapping[str, float]) -> None:
        """Log one row of the history; short epochs are sent together, because a call costs what tens of rows cost."""
        if row.get(VALIDATION_METRIC, -1.0) > self._best.get(BEST_VALID, -1.0):
            self._best = {BEST_VALID: row[VALIDATION_METRIC], BEST_EPOCH: row["epoch"]}
        self._waiting.append({**self._best, **row})  # the most important first: MLflow keeps the order
        self._times.append(time.time_ns() // 10**6)
        if time.monotonic() - self._sent > _SECONDS_BETWEEN_CALLS or len(self._waiting) >= EPOCHS_PER_CALL:
            self._send()

    def _send(self) -> None:
        with self._tolerant():
            if self._client and self._waiting:
                metrics = history_metrics(pd.DataFrame(self._waiting), self._times)
                self._client.log_batch(self._run_id, metrics=metrics)
        self._waiting, self._times, self._sent = [], [], time.monotonic()

    def stop(self, status: str) -> None:
        """End a run that produced no model."""
        self._send()
        with self._tolerant():
            if self._client:
                self._client.set_terminated(self._run_id, status)

    def finish(self) -> None:
        """End the run and tag it with the hash of its model; if an earlier run has the same model, the new run is deleted."""
        self._send()
        with self._tolerant():
            if self._client is None:
                return
            made = dvc_hash(self._training.model)
            twin = find_run(self._client, self._experiment_id, self._training.key, made)
            self._client.set_tag(self._run_id, MODEL, made)
            self._client.set_terminated(self._run_id, "FINISHED")
            if twin:
                log.info("mlflow: run %s has the same model and is kept; this run is deleted", twin.info.run_id)
                self._client.delete_run(self._run_id)

    @contextmanager
    def _tolerant(self) -> Iterator[None]:
        try:
            yield
        # No failure of the tracking server, its client or its database may abort a training.
        except Exception as error:  # noqa: BLE001
            self._client = None
            log.warning("mlflow: %s. Training continues; the track stage will log the run", first_line(error))


@contextmanager
def live_run(training: Training) -> Iterator[LiveRun]:
    """A run that ends as FINISHED with the block, as KILLED on an interrupt, as FAILED on any other error."""
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


def create_run(client: "MlflowClient", experiment_id: str, training: Training) -> str:
    """A run with the params, the inputs and the source of a training; its id."""
    from mlflow.data.code_dataset_source import CodeDatasetSource
    from mlflow.data.meta_dataset import MetaDataset
    from mlflow.entities import DatasetInput, InputTag, Param

    hashes = {name: dvc_hash(path) for name, path in training.inputs.items()}
    tags = source_tags() | {f"dvc.input.{name}": digest for name, digest in hashes.items()} | {KEY: training.key}
    run_id = str(client.create_run(experiment_id, run_name=training.title, tags=tags).info.run_id)
    client.log_batch(run_id, params=[Param(key, str(value)) for key, value in training.params.items()])
    source = CodeDatasetSource({"path": str(training.inputs["tasks"])})
    # mlflow's own class leaves an abstract method unimplemented, without consequences.
    data = MetaDataset(source, training.dataset, hashes["tasks"])  # type: ignore[abstract]
    context = InputTag("mlflow.data.context", "training")
    client.log_inputs(run_id, [DatasetInput(data._to_mlflow_entity(), [context])])
    return run_id


def end_orphans(client: "MlflowClient", experiment_id: str, key: str) -> None:
    """Mark runs of this training as KILLED if their process is gone (after kill -9 it could not do so itself)."""
    for run in client.search_runs([experiment_id], f"tags.`{KEY}` = '{key}' and attributes.status = 'RUNNING'"):
        if is_gone(run.data.tags.get(PROCESS, "")):
            client.set_terminated(run.info.run_id, "KILLED")


def find_run(client: "MlflowClient", experiment_id: str, key: str, model_hash: str) -> "Run | None":
    """The finished run of this training whose model has this hash, the oldest if there are several."""
    wanted = f"tags.`{KEY}` = '{key}' and attributes.status = 'FINISHED' and tags.`{MODEL}` = '{model_hash}'"
    runs = client.search_runs([experiment_id], wanted, order_by=["attributes.start_time ASC"], max_results=1)
    return runs[0] if runs else None


def history_metrics(history: pd.DataFrame, times: Sequence[int] = ()) -> "list[Metric]":
    """The columns that one compares runs by; those of single slices are in the run's files. ``epoch`` becomes the step.

    Args:
        history: A row per epoch; missing values are not logged.
        times: Milliseconds since 1970 at which the epochs ended; by default all now.
    """
    from mlflow.entities import Metric

    ended = dict(zip(history["epoch"], times or [time.time_ns() // 10**6] * len(history), strict=True))
    return [
        Metric(str(name), value, ended[epoch], int(epoch))
        for name, of in history.set_index("epoch").to_dict().items()
        for epoch, value in of.items()
        if str(name).count("/") <= _LEVELS and value == value  # noqa: PLR0124  # false only for NaN
    ]
