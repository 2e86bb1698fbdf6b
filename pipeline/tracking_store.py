"""Where MLflow keeps runs: the client, and the experiment of a data set.

MLflow is imported here, in ``tracking`` and in ``run_families``, and nowhere else.
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
    """A client of MLFLOW_TRACKING_URI, else of a database at the project's root that is made on first use."""
    # By default a dead server blocks for minutes a call.
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "2")
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "10")
    import mlflow  # takes seconds, so only where something is logged

    for noisy in ("alembic", "mlflow.store.db.utils", "mlflow.tracing"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    uri = os.environ.get("MLFLOW_TRACKING_URI") or f"sqlite:///{_root() / 'mlflow.db'}"
    with _first_use():
        client = mlflow.MlflowClient(uri)
        client.search_experiments(max_results=1)
    return client


@contextmanager
def _first_use() -> Iterator[None]:
    """One process at a time: several first users at once would crash while creating tables or an experiment."""
    with (_root() / ".mlflow.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _root() -> Path:
    """The project's root; also in the copy that ``dvc exp run --temp`` works in."""
    return Path(os.environ.get("DVC_ROOT", ".")).resolve()


def experiment_of(client: "MlflowClient", dataset: str) -> str:
    """Its id; it is made on first use."""
    name = f"pmtrec-{dataset}"
    with _first_use():
        if found := client.get_experiment_by_name(name):
            if found.lifecycle_stage == "deleted":  # in the UI, by hand; its name stays taken
                client.restore_experiment(found.experiment_id)
            return str(found.experiment_id)
        # A server knows where to put artifacts; beside a database it would be the current folder, wherever that is.
        beside = (_root() / "mlartifacts" / name).as_uri() if client.tracking_uri.startswith("sqlite") else None
        # The kind opens the UI's pages for training rather than those for language models.
        return str(client.create_experiment(name, beside, {"mlflow.experimentKind": "custom_model_development"}))


def first_line(error: Exception) -> str:
    """What MLflow says over many lines, in one."""
    return (str(error) or type(error).__name__).splitlines()[0][:300]
