"""What the store of runs cannot do is an error that is passed on, and one line; nothing beside it is printed."""

import sqlite3
from contextlib import closing

import pytest
from mlflow.exceptions import MlflowException

from pipeline.errors import MachineError
from pipeline.tracking.completion import tracked
from pipeline.tracking.own_database import make, own_database, remove_damaged
from pipeline.tracking.store import connect, experiment_of, first_line


def test_a_database_error_prints_no_traceback(capfd: pytest.CaptureFixture[str]) -> None:
    make(own_database())
    client = connect()
    experiment = experiment_of(client, "demo")
    with closing(sqlite3.connect(own_database())) as connection:
        connection.execute("DROP TABLE runs")
        connection.commit()
    capfd.readouterr()
    with pytest.raises(MlflowException, match="no such table: runs") as caught:
        client.create_run(experiment)
    said = capfd.readouterr()
    assert said.out + said.err == ""
    assert first_line(caught.value) == "(sqlite3.OperationalError) no such table: runs"


@pytest.mark.parametrize("length", [50, 5000, 300_000])
def test_a_damaged_database_says_what_heals_it(length: int) -> None:
    database = own_database()
    make(database)
    database.write_bytes(database.read_bytes()[:length])
    with pytest.raises(MachineError, match=r"^mlflow\.db: is damaged \(.+\)\. Fix: pmtrec repair$"), tracked():
        pass
    assert remove_damaged(database), "which is what `pmtrec repair` does"


def test_the_first_line_says_what_has_happened() -> None:
    error = ValueError("(raised as a result of Query-invoked autoflush)\nthe disk is full.\nand more")
    assert first_line(error) == "the disk is full"
    assert first_line(ValueError("a" * 500)) == "a" * 300
    assert first_line(TimeoutError()) == "TimeoutError"
    assert first_line(OSError("no answer from http://user:secret@host/")) == "no answer from http://host/"
