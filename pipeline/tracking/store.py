"""The MLflow store of runs: its client, and the experiment of a data set.

Only this room imports MLflow, and late: it takes a second or more.
"""

import json
import logging
import os
from typing import TYPE_CHECKING

from pipeline.artifacts import project_root
from pipeline.secrets import without_secret
from pipeline.tracking.deadline import prompt, within
from pipeline.tracking.own_database import first_use, is_made, make, own_database, remove_half_made, uri_of
from pipeline.tracking.project import prefix

if TYPE_CHECKING:
    from mlflow import MlflowClient

__all__ = ["connect", "deep_link", "experiment_name", "experiment_of", "experiments", "first_line"]

_SECONDS_TO_CONNECT = 20.0
_VIEW = "pmtrec"  # of the runs, which the deep link opens
_COLUMNS = ["attributes.`Models`", "params.`method`", "params.`seed`"]
_COLUMNS += [f"metrics.`{name}`" for name in ("best/valid_ndcg_at_20", "test/ndcg_at_20", "best/epoch", "cost/seconds")]
_LEVELS = {
    "alembic": logging.WARNING,
    "mlflow.tracing": logging.WARNING,
    "mlflow.store.db.utils": logging.CRITICAL,  # prints the traceback of what it raises too
    "urllib3": logging.ERROR,
}
_BESIDE_THE_POINT = "(raised as a result of"  # SQLAlchemy, in front of what has happened

_DESCRIPTION = """Trainings on {dataset}: the run `comparison` has the leader board; a run's model is the one of its best epoch.

- `best/valid_ndcg_at_20` decides on epochs, settings and what is served; `test/...` is the test part, which decides on nothing.
- The registered model `pmtrec-{dataset}`, alias `champion`, is the best method trained once more on all interactions.
- If you see no runs here, choose "Model training" at the top left.
"""


def connect() -> "MlflowClient":
    """A client for MLFLOW_TRACKING_URI, or else for a database in the project root, which is created on first use."""
    # By default, each call to an unreachable server blocks for minutes.
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "2")
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "10")
    os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
    os.environ.setdefault("MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT", "true")  # with its password
    import mlflow  # takes seconds, so imported only when something is logged

    for noisy, level in _LEVELS.items():
        logging.getLogger(noisy).setLevel(level)
    if uri := os.environ.get("MLFLOW_TRACKING_URI"):
        return _answering(mlflow.MlflowClient(uri))
    database = own_database()
    remove_half_made(database)
    if not is_made(database):  # who only reads needs no right to write
        make(database)
    return _answering(mlflow.MlflowClient(uri_of(database)))


def _answering(client: "MlflowClient") -> "MlflowClient":
    with within(_SECONDS_TO_CONNECT):
        client.search_experiments(max_results=1)
    return prompt(client)


def experiment_of(client: "MlflowClient", dataset: str) -> str:
    """Id of the experiment of a data set, which is created on first use."""
    name = experiment_name(dataset)
    with first_use():
        if found := client.get_experiment_by_name(name):
            if found.lifecycle_stage == "deleted":  # by hand in the UI; its name stays reserved
                client.restore_experiment(found.experiment_id)
            return str(found.experiment_id)
        # A server decides where artifacts go; a bare database would put them into the current folder, whatever that is.
        beside = (project_root() / "mlartifacts" / name).as_uri() if client.tracking_uri.startswith("sqlite") else None
        view = {"selectedColumns": _COLUMNS, "orderByKey": "metrics.`best/valid_ndcg_at_20`", "orderByAsc": False}
        view |= {"columnOrder": [], "runsExpanded": {}}
        tags = {
            "mlflow.experimentKind": "custom_model_development",
            f"mlflow.sharedViewState.{_VIEW}": json.dumps(view),
            "mlflow.note.content": _DESCRIPTION.format(dataset=dataset),
        }
        return str(client.create_experiment(name, beside, tags))


def experiment_name(dataset: str) -> str:
    """Of a data set; its registered model has the same name."""
    return f"{prefix()}-{dataset}"


def experiments(client: "MlflowClient") -> dict[str, str]:
    """Name -> id of the experiments of data sets."""
    return {e.name: str(e.experiment_id) for e in client.search_experiments() if e.name.startswith(experiment_name(""))}


def deep_link(server: str, experiment_id: str) -> str:
    """Address of the runs of an experiment in the view for training: MLflow's own first page is for language models."""
    return f"{server}/#/experiments/{experiment_id}/runs?workflowType=machine_learning&viewStateShareKey={_VIEW}"


def first_line(error: BaseException) -> str:
    """The first line of an error message that says what has happened; those of MLflow can be very long."""
    lines = [line for line in str(error).splitlines() if not line.startswith(_BESIDE_THE_POINT)]
    return without_secret((lines[0] if lines else type(error).__name__)[:300]).rstrip(".")
