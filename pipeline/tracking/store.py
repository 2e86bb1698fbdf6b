"""The MLflow store of runs: its client, and the experiment of a data set.

Only this room imports MLflow, and late: it takes a second or more.
"""

import fcntl
import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mlflow import MlflowClient

__all__ = ["connect", "experiment_of", "first_line"]


def connect() -> "MlflowClient":
    """A client for MLFLOW_TRACKING_URI, or else for a database in the project root, which is created on first use."""
    # By default, each call to an unreachable server blocks for minutes.
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "2")
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "10")
    import mlflow  # takes seconds, so imported only when something is logged

    for noisy in ("alembic", "mlflow.store.db.utils", "mlflow.tracing"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    uri = os.environ.get("MLFLOW_TRACKING_URI") or f"sqlite:///{_root() / 'mlflow.db'}"
    with _first_use():
        client = mlflow.MlflowClient(uri)
        client.search_experiments(max_results=1)
    return client


@contextmanager
def _first_use() -> Iterator[None]:
    """Serialise first use: concurrent processes would crash while creating the tables or an experiment."""
    with (_root() / ".mlflow.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _root() -> Path:
    """The project root, also when run in the temporary copy of ``dvc exp run --temp``."""
    return Path(os.environ.get("DVC_ROOT", ".")).resolve()


def experiment_of(client: "MlflowClient", dataset: str) -> str:
    """Id of the experiment of a data set, which is created on first use."""
    name = f"pmtrec-{dataset}"
    with _first_use():
        if found := client.get_experiment_by_name(name):
            if found.lifecycle_stage == "deleted":  # by hand in the UI; its name stays reserved
                client.restore_experiment(found.experiment_id)
            return str(found.experiment_id)
        # A server decides where artifacts go; a bare database would put them into the current folder, whatever that is.
        beside = (_root() / "mlartifacts" / name).as_uri() if client.tracking_uri.startswith("sqlite") else None
        # This kind makes the UI show its pages for model training instead of those for language models.
        return str(client.create_experiment(name, beside, {"mlflow.experimentKind": "custom_model_development"}))


def first_line(error: Exception) -> str:
    """The first line of an error message; those of MLflow can be very long."""
    return (str(error) or type(error).__name__).splitlines()[0][:300]
