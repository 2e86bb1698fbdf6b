"""The MLflow run of a training: how it is made and found.

A run is identified by the *content* of its output: a tag holds DVC's hash of the model folder. So no output contains a run
id, and outputs that DVC restores from its cache belong to the run that first produced them.
"""

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

import pandas as pd

from pipeline.integrity import dvc_hash
from pipeline.processes import is_gone
from pipeline.tracking.journal import Entry
from pipeline.tracking.project import is_ours, is_owned
from pipeline.tracking.provenance import PROCESS, Training, source_tags

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Metric, Run

__all__ = [
    "BEST_EPOCH",
    "BEST_VALID",
    "EPOCHS_PER_CALL",
    "KEY",
    "MODEL",
    "create_run",
    "described",
    "end_orphans",
    "find_runs",
    "history_metrics",
    "now",
]

MODEL = "pmtrec.model"
"""Tag of a run: DVC's hash of the folder with the trained model."""

KEY = "pmtrec.key"
"""Tag of a run: which training it is of (``Training.key``)."""

BEST_VALID, BEST_EPOCH = "best/valid_ndcg_at_20", "best/epoch"
"""Metrics of the model that was kept; the last value of ``valid/...`` is that of the last epoch."""

EPOCHS_PER_CALL = 20
"""Rows of a history that one call sends: log_batch takes 1000 metrics, of which a row has some 40."""

_LEVELS = 2  # of a name: train/weight/social is logged, train/weight/social/short is not
_JOURNAL = "pmtrec.journal"  # tag of a run: the name of its journal


def described(training: Training) -> Entry:
    """What a run says of its training from the beginning, as JSON."""
    hashes = {name: dvc_hash(path) for name, path in training.inputs.items()}
    tags = source_tags() | {f"dvc.input.{name}": digest for name, digest in hashes.items()} | {KEY: training.key}
    return {
        "dataset": training.dataset,
        "title": training.title,
        "time": now(),
        "tags": tags,
        "params": {key: str(value) for key, value in training.params.items()},
        "tasks": {"path": str(training.inputs["tasks"]), "hash": hashes["tasks"]},
    }


def create_run(client: "MlflowClient", experiment_id: str, of: Entry, journal: str = "") -> str:
    """A run with the params, the inputs and the source of a training; its id.

    Args:
        client: Of the store.
        experiment_id: Where it belongs.
        of: See ``described``.
        journal: Name of its journal; if it has been sent before, the run is there.
    """
    from mlflow.data.code_dataset_source import CodeDatasetSource
    from mlflow.data.meta_dataset import MetaDataset
    from mlflow.entities import DatasetInput, InputTag, Param

    there = client.search_runs([experiment_id], f"tags.`{_JOURNAL}` = '{journal}'", max_results=1) if journal else []
    if there:
        run_id = str(there[0].info.run_id)
    else:
        tags = {**of["tags"], **({_JOURNAL: journal} if journal else {})}
        run_id = str(client.create_run(experiment_id, of["time"], tags, of["title"]).info.run_id)
    if not run_id:
        raise ConnectionError("what answers is no MLflow server")
    client.log_batch(run_id, params=[Param(key, value) for key, value in of["params"].items()])
    source = CodeDatasetSource({"path": of["tasks"]["path"]})
    # mlflow's own class leaves an abstract method unimplemented, without consequences.
    data = MetaDataset(source, of["dataset"], of["tasks"]["hash"])  # type: ignore[abstract]
    context = InputTag("mlflow.data.context", "training")
    client.log_inputs(run_id, [DatasetInput(data._to_mlflow_entity(), [context])])
    return run_id


def end_orphans(client: "MlflowClient", experiment_id: str) -> None:
    """Mark runs as KILLED if their process is gone (after kill -9 it could not do so itself)."""
    for run in client.search_runs([experiment_id], "attributes.status = 'RUNNING'"):
        if is_ours(run.data.tags) and is_gone(run.data.tags.get(PROCESS, "")):
            client.set_terminated(run.info.run_id, "KILLED")


def find_runs(client: "MlflowClient", experiment_id: str, key: str, model_hash: str) -> "list[Run]":
    """The finished runs of this training, in all clones of the project, whose model has this hash; the oldest first."""
    wanted = f"tags.`{KEY}` = '{key}' and attributes.status = 'FINISHED' and tags.`{MODEL}` = '{model_hash}'"
    runs = client.search_runs([experiment_id], wanted, order_by=["attributes.start_time ASC"])
    return [run for run in runs if is_owned(run.data.tags)]


def history_metrics(history: pd.DataFrame, times: Sequence[int] = ()) -> "list[Metric]":
    """The columns that one compares runs by; those of single slices are in the run's files. ``epoch`` becomes the step.

    Args:
        history: A row per epoch; missing values are not logged.
        times: Milliseconds since 1970 at which the epochs ended; by default all now.
    """
    from mlflow.entities import Metric

    ended = dict(zip(history["epoch"], times or [now()] * len(history), strict=True))
    return [
        Metric(str(name), value, ended[epoch], int(epoch))
        for name, of in history.set_index("epoch").to_dict().items()
        for epoch, value in of.items()
        if str(name).count("/") <= _LEVELS and value == value  # noqa: PLR0124  # false only for NaN
    ]


def now() -> int:
    """Milliseconds since 1970, as MLflow counts."""
    return time.time_ns() // 10**6
