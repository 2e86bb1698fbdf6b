"""A training to log, and a database of runs: a new one takes seconds to make, so it is made once and copied."""

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from pipeline.tracking.own_database import make
from pipeline.tracking.provenance import Training


@pytest.fixture(scope="session")
def new_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    with pytest.MonkeyPatch.context() as patch:
        root = tmp_path_factory.mktemp("database")
        patch.setenv("DVC_ROOT", str(root))
        make(root / "mlflow.db")
    with closing(sqlite3.connect(root / "mlflow.db")) as connection:  # one without a run is looked at more closely
        connection.execute("INSERT INTO runs (run_uuid, experiment_id) VALUES ('some', 0)")
        connection.commit()
    return root / "mlflow.db"


@pytest.fixture
def database(new_database: Path, tmp_path: Path) -> Path:
    """Where a project has its own."""
    return Path(shutil.copy(new_database, tmp_path))


@pytest.fixture
def training(tmp_path: Path, database: Path, monkeypatch: pytest.MonkeyPatch) -> Training:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.setenv("DVC_ROOT", str(tmp_path))
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    for name in ("processed", "tasks", "model"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "file").write_text(name)
    inputs = {name: tmp_path / name for name in ("processed", "tasks")}
    return Training("demo", "pmtrec", 0, {"lr": 0.1}, inputs, tmp_path / "model")
