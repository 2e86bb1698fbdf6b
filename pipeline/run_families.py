"""MLflow runs that belong together: trials below their search, trainings below the comparison that has them.

What fails here is warned of and costs nothing: searches are in their own database and comparisons in their files.
"""

import logging
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import pandas as pd

from pipeline.costs import PEAK_MEMORY, SECONDS
from pipeline.evaluation import VALIDATION_METRIC
from pipeline.files import dvc_hash
from pipeline.provenance import source_tags
from pipeline.tracking import MODEL
from pipeline.tracking_store import connect, experiment_of, first_line

if TYPE_CHECKING:
    from mlflow import MlflowClient

__all__ = ["costs_of", "log_comparison", "log_search"]

log = logging.getLogger(__name__)

Key = TypeVar("Key")

_PARENT = "mlflow.parentRunId"
_STATUS = {"COMPLETE": "FINISHED", "PRUNED": "KILLED", "DIVERGED": "FAILED"}  # of a trial
_CONTENT = "pmtrec.content"  # what a parent run is about: it is found by this, so that doing a thing twice changes nothing


def log_search(
    dataset: str,
    method: str,
    search: str,
    trials: Sequence[tuple[Mapping[str, Any], Mapping[int, float], str]],
    found: Mapping[str, Any],
) -> None:
    """A run ``tune/<method>`` with what was found, and below it one per trial; those that are there stay.

    Args:
        dataset: Its experiment.
        method: Name.
        search: What identifies it.
        trials: Values by key path, validation NDCG@20 by epoch, how it ended.
        found: Metrics and params of the best.
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
            client.log_batch(child, metrics=metrics)
            client.set_terminated(child, _STATUS[state])
        for key, value in found.items():
            client.set_tag(parent, f"best.{key}", str(value))
        client.set_terminated(parent, "FINISHED")


def log_comparison(dataset: str, models: Sequence[Path], metrics: Mapping[str, float], report: Path) -> None:
    """A run ``comparison`` with the report, and below it the runs of the trainings compared.

    Args:
        dataset: Its experiment.
        models: Folders of the trainings.
        metrics: Of the comparison.
        report: Folder to attach.
    """
    with _tolerant():
        client = connect()
        parent = _parent(client, dataset, "comparison", dvc_hash(report))
        for name, value in metrics.items():
            client.log_metric(parent, name.replace("@", "_at_"), value)
        client.log_artifacts(parent, str(report))
        made = {dvc_hash(model) for model in models}
        for run in client.search_runs([experiment_of(client, dataset)], max_results=50_000):
            if run.data.tags.get(MODEL) in made:
                client.set_tag(run.info.run_id, _PARENT, parent)
        client.set_terminated(parent, "FINISHED")


def costs_of(dataset: str, models: Mapping[Key, Path]) -> dict[Key, pd.DataFrame]:
    """What trainings have cost, by epoch, of those whose run MLflow has seen live.

    Args:
        dataset: Its experiment.
        models: What the caller calls them -> folders of the trainings.

    Returns:
        Tables with the columns ``SECONDS`` and ``PEAK_MEMORY`` of ``pipeline.costs``; index: epoch.
    """
    found: dict[Key, pd.DataFrame] = {}
    with _tolerant():
        client = connect()
        runs = client.search_runs([experiment_of(client, dataset)], max_results=50_000)
        of_model = {run.data.tags[MODEL]: run.info.run_id for run in runs if MODEL in run.data.tags}
        for key, model in models.items():
            if run_id := of_model.get(dvc_hash(model)):
                histories = {name: client.get_metric_history(run_id, name) for name in (SECONDS, PEAK_MEMORY)}
                columns = {name: {metric.step: metric.value for metric in history} for name, history in histories.items()}
                if columns[SECONDS]:
                    found[key] = pd.DataFrame(columns, dtype=float)
    return found


def _parent(client: "MlflowClient", dataset: str, name: str, content: str) -> str:
    wanted = f"attributes.run_name = '{name}' and tags.`{_CONTENT}` = '{content}'"
    if runs := client.search_runs([experiment_of(client, dataset)], wanted, max_results=1):
        return str(runs[0].info.run_id)
    return _create(client, dataset, name, {_CONTENT: content}, {"dataset": dataset})


def _create(client: "MlflowClient", dataset: str, name: str, tags: Mapping[str, str], params: Mapping[str, Any]) -> str:
    from mlflow.entities import Param

    source = "stages/compare.py" if name == "comparison" else "stages/tune.py"
    tags = {**source_tags(), "mlflow.source.name": source, **tags}
    run_id = str(client.create_run(experiment_of(client, dataset), run_name=name, tags=tags).info.run_id)
    client.log_batch(run_id, params=[Param(key, str(value)) for key, value in params.items()])
    return run_id


@contextmanager
def _tolerant() -> Iterator[None]:
    try:
        yield
    except Exception as error:  # noqa: BLE001  # see above
        log.warning("mlflow: %s. Nothing else is lost", first_line(error))
