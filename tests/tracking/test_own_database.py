import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from mlflow.exceptions import MlflowException

from pipeline.tracking.own_database import make, own_database, remove_damaged
from pipeline.tracking.store import connect, experiment_of


def change(database: Path, *statements: str) -> None:
    with closing(sqlite3.connect(database)) as connection:
        for statement in statements:
            connection.execute(statement)
        connection.commit()


def test_it_is_made_beside_and_nothing_else_stays(tmp_path: Path) -> None:
    database = own_database()
    make(database)
    assert {path.name for path in tmp_path.iterdir()} == {"mlflow.db", ".mlflow.lock"}
    before = database.read_bytes()
    make(database)
    assert database.read_bytes() == before
    experiment_of(connect(), "demo")


@pytest.mark.parametrize(
    "statements",
    [
        ["DELETE FROM alembic_version"],
        ["DROP TABLE alembic_version", "DROP TABLE runs"],
        ["UPDATE alembic_version SET version_num = '451aebb31d03'"],  # the first of the changes to the tables
    ],
)
def test_a_half_made_one_is_made_anew(database: Path, statements: list[str], caplog: pytest.LogCaptureFixture) -> None:
    change(database, "DELETE FROM runs", *statements)
    experiment_of(connect(), "demo")
    assert "only half of it was made, and it holds no run: moved to mlflow.db.half-made" in caplog.text
    assert (database.parent / "mlflow.db.half-made").exists()


def test_one_that_holds_runs_is_never_moved(database: Path) -> None:
    change(database, "DELETE FROM alembic_version")
    with pytest.raises(MlflowException, match="out-of-date database schema"):
        connect()
    assert database.exists()


def test_one_whose_pages_are_damaged_is_moved_aside_on_demand(database: Path) -> None:
    assert remove_damaged(database) is None
    content = bytearray(database.read_bytes())
    content[4096:12288] = bytes(8192)
    database.write_bytes(content)
    assert remove_damaged(database) == database.parent / "mlflow.db.damaged"
    experiment_of(connect(), "demo")
