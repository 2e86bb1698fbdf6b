"""Nested MLflow runs: trials under their search, trainings under the comparison that includes them.

A failure here only causes a warning and loses nothing: searches are stored in their own database, comparisons in files.
"""

import logging
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from pipeline.metric_names import VALIDATION_METRIC
from pipeline.tracking.deadline import Overdue
from pipeline.tracking.project import checkout, is_ours, is_owned
from pipeline.tracking.provenance import source_tags
from pipeline.tracking.run import MODEL
from pipeline.tracking.store import connect, experiment_of, first_line

if TYPE_CHECKING:
    from mlflow import MlflowClient

__all__ = ["log_comparison", "log_search"]

log = logging.getLogger(__name__)

_PARENT = "mlflow.parentRunId"
_STATUS = {"COMPLETE": "FINISHED", "PRUNED": "KILLED", "DIVERGED": "FAILED"}  # of a trial
_CONTENT = "pmtrec.content"  # identifies what a parent run records, so that logging the same thing twice changes nothing


def log_search(
    dataset: str,
    method: str,
    search: str,
    trials: Sequence[tuple[Mapping[str, Any], Mapping[int, float], str]],
    found: Mapping[str, Any],
) -> None:
    """Log a run ``tune/<method>`` with the best settings, and a child run per trial; existing ones are kept.

    Args:
        dataset: Name of the data set, whose experiment is used.
        method: Name of the method.
        search: Identifier of the search.
        trials: For each: values by key path, validation NDCG@20 by epoch, final state.
        found: Metrics and params of the best trial.
    """
    from mlflow.entities import Metric

    with _tolerant():
        client = connect()
        parent = _parent(client, dataset, f"tune/{method}", search)
        known = client.search_runs([experiment_of(client, dataset)], f"tags.`{_PARENT}` = '{parent}'", max_results=50_000)
        there = {run.info.run_name for run in known if run.info.status != "RUNNING"}
        for number, (values, history, state) in enumerate(trials):
            if f"tune/{method}/{number}" in there:
                continue
            tags = {_PARENT: parent, "optuna.state": state}
            child = _create(client, dataset, f"tune/{method}/{number}", tags, values)
            now = time.time_ns() // 10**6
            metrics = [Metric(VALIDATION_METRIC, value, now, epoch) for epoch, value in history.items()]
            client.log_batch(child, metrics=metrics, synchronous=True)
            client.set_terminated(child, _STATUS[state])
        for key, value in found.items():
            client.set_tag(parent, f"best.{key}", str(value))
        client.set_terminated(parent, "FINISHED")


def log_comparison(
    models: Mapping[str, Sequence[str]], board: pd.DataFrame, metric: str, words: Mapping[str, str], report: Path
) -> None:
    """For each data set one run ``comparison``: it is brought up to date, and stands above the trainings compared.

    Args:
        models: Data set -> hashes of the models.
        board: The leader board.
        metric: Of the board, which the run gets for each method; NaN for one that is compared no longer.
        words: Data set -> what its run says, in Markdown; the first line is seen first.
        report: Folder to attach.
    """
    with _tolerant():
        client = connect()
        for dataset, made in models.items():
            rows = board[board["dataset"] == dataset]
            parent = _parent(client, dataset, "comparison", dataset)
            client.update_run(parent, status="RUNNING")
            now = {f"{metric.replace('@', '_at_')}/{name}": of for name, of in zip(rows["method"], rows[metric], strict=True)}
            for name in {*client.get_run(parent).data.metrics, *now}:
                client.log_metric(parent, name, now.get(name, float("nan")))
            client.set_tag(parent, "mlflow.note.content", words[dataset])
            client.log_artifacts(parent, str(report))
            for run in client.search_runs([experiment_of(client, dataset)], max_results=50_000):
                tags = run.data.tags
                if tags.get(MODEL) in made and (is_ours(tags) or (is_owned(tags) and _PARENT not in tags)):
                    client.set_tag(run.info.run_id, _PARENT, parent)
                elif tags.get(_PARENT) == parent and tags.get(MODEL) not in made:
                    client.delete_tag(run.info.run_id, _PARENT)
            client.set_terminated(parent, "FINISHED")


def _parent(client: "MlflowClient", dataset: str, name: str, content: str) -> str:
    content = f"{checkout()}/{content}".removeprefix("/")  # each folder has its own
    wanted = f"attributes.run_name = '{name}' and tags.`{_CONTENT}` = '{content}'"
    if runs := client.search_runs([experiment_of(client, dataset)], wanted, max_results=1):
        return str(runs[0].info.run_id)
    return _create(client, dataset, name, {_CONTENT: content}, {"dataset": dataset})


def _create(client: "MlflowClient", dataset: str, name: str, tags: Mapping[str, str], params: Mapping[str, Any]) -> str:
    from mlflow.entities import Param

    source = "stages/compare.py" if name == "comparison" else "pmtrec tune"
    tags = {**source_tags(), "mlflow.source.name": source, **tags}
    run_id = str(client.create_run(experiment_of(client, dataset), run_name=name, tags=tags).info.run_id)
    client.log_batch(run_id, params=[Param(key, str(value)) for key, value in params.items()])
    return run_id


@contextmanager
def _tolerant() -> Iterator[None]:
    try:
        yield
    except (Exception, Overdue) as error:  # noqa: BLE001  # see the module docstring
        log.warning("mlflow: %s. Everything else is unaffected", first_line(error))
