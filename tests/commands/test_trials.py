"""A database of trials that cannot be used is one line that says how to mend it."""

import sqlite3
from contextlib import closing
from pathlib import Path

import optuna
import pytest

from pipeline.commands._trials import open_trials, trials_in
from pipeline.errors import InputError, IntegrityError, MachineError

DAMAGED = r"tuning\.db: is damaged \(.+\)\. Fix: move it away: the search then begins anew$"


def searched(storage: str, n_trials: int = 2) -> int:
    open_trials(storage)
    with trials_in(storage):
        study = optuna.create_study(storage=storage, study_name="a", load_if_exists=True)
        study.optimize(lambda trial: trial.suggest_float("x", 0, 1), n_trials=n_trials)
        return len(study.trials)


@pytest.fixture
def database(tmp_path: Path) -> Path:
    path = tmp_path / "tuning.db"
    assert searched(f"sqlite:///{path}") == 2
    return path


def change(database: Path, statement: str) -> None:
    with closing(sqlite3.connect(database)) as connection:
        connection.execute(statement)
        connection.commit()


@pytest.mark.parametrize(
    ("at", "n"),
    [(0, 20), (18, 2), (4096, 2000), (20_000, 20_000), (60_000, 40_000)],
    ids=["magic", "format", "page", "pages", "end"],
)
def test_a_damaged_one_begins_anew_once_it_is_moved_away(database: Path, at: int, n: int) -> None:
    content = bytearray(database.read_bytes())
    content[at : at + n] = b"\xa5" * n
    database.write_bytes(content)
    with pytest.raises(IntegrityError, match=DAMAGED):
        searched(f"sqlite:///{database}")
    database.rename(database.with_name("away"))
    assert searched(f"sqlite:///{database}") == 2


@pytest.mark.parametrize("length", [100, 5000, 50_000])
def test_one_that_was_cut(database: Path, length: int) -> None:
    database.write_bytes(database.read_bytes()[:length])
    with pytest.raises(IntegrityError, match=DAMAGED):
        searched(f"sqlite:///{database}")


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE trials SET state = 'COMPLETF'",
        "UPDATE study_directions SET direction = 'x'",
        "UPDATE trial_values SET value_type = 'x'",
        "UPDATE trial_params SET distribution_json = '{'",
        "UPDATE trials SET datetime_start = 'yesterday'",
        "ALTER TABLE trials RENAME COLUMN state TO another",
    ],
)
def test_a_value_that_nobody_has_written(database: Path, statement: str) -> None:
    """SQLite has no checksums, and takes it for whole."""
    change(database, statement)
    with pytest.raises(IntegrityError, match=DAMAGED):
        searched(f"sqlite:///{database}")


def test_one_of_another_optuna(database: Path) -> None:
    change(database, "UPDATE alembic_version SET version_num = 'v9.9.9'")
    with pytest.raises(InputError, match=r"^--storage: cannot be opened: .+ Fix: move it away, or use the version of Optuna"):
        searched(f"sqlite:///{database}")


@pytest.mark.parametrize(
    ("storage", "fix"),
    [
        *((storage, "write sqlite:///tuning.db") for storage in ("nonsense", "", "nodb://x", "redis://localhost")),
        ("postgresql+psycopg2://user:secret@localhost:1/x", "install psycopg2"),
    ],
)
def test_what_names_no_database_that_can_be_used(storage: str, fix: str) -> None:
    with pytest.raises(InputError, match=rf"^--storage: cannot be opened: .+\. Fix: {fix}$") as refused:
        searched(storage)
    assert "secret" not in str(refused.value)


def test_one_that_cannot_be_opened_is_of_the_machine(tmp_path: Path) -> None:
    with pytest.raises(
        MachineError, match=r"--storage: .*unable to open database file\. Fix: make sure that sqlite:///.*none/x"
    ):
        searched(f"sqlite:///{tmp_path}/none/x.db")


def test_what_the_work_itself_raises_is_passed_on() -> None:
    with pytest.raises(ZeroDivisionError), trials_in("sqlite://"):
        raise ZeroDivisionError
