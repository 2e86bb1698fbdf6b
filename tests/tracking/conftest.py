"""A new database of runs takes seconds to make: it is made once and copied."""

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from pipeline.tracking.own_database import make


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
