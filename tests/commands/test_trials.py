"""A database of trials that cannot be used is one line that says how to mend it."""

from pathlib import Path

import optuna
import pytest

from pipeline.commands._trials import open_trials, trials_in
from pipeline.errors import InputError, IntegrityError, MachineError


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


@pytest.mark.parametrize(
    ("at", "n"),
    [(0, 20), (18, 2), (4096, 2000), (20_000, 20_000), (60_000, 40_000)],
    ids=["magic", "format", "page", "pages", "end"],
)
def test_a_damaged_one_begins_anew_once_it_is_moved_away(database: Path, at: int, n: int) -> None:
    content = bytearray(database.read_bytes())
    content[at : at + n] = b"\xa5" * n
    database.write_bytes(content)
    with pytest.raises(
        IntegrityError, match=r"tuning\.db: is damaged \(.+\)\. Fix: move it away: the search then begins anew$"
    ):
        searched(f"sqlite:///{database}")
    database.rename(database.with_name("away"))
    assert searched(f"sqlite:///{database}") == 2


@pytest.mark.parametrize("length", [100, 5000, 50_000])
def test_one_that_was_cut_too(database: Path, length: int) -> None:
    database.write_bytes(database.read_bytes()[:length])
    with pytest.raises(IntegrityError, match=r"tuning\.db: is damaged"):
        searched(f"sqlite:///{database}")


@pytest.mark.parametrize("storage", ["nonsense", "", "nodb://x", "postgresql://user:secret@localhost:1/x", "redis://localhost"])
def test_what_names_no_database_that_can_be_used(storage: str) -> None:
    with pytest.raises(InputError, match=r"^--storage: cannot be opened: .+\. Fix: write sqlite:///tuning\.db$") as refused:
        searched(storage)
    assert "secret" not in str(refused.value)


def test_one_that_cannot_be_opened_is_of_the_machine(tmp_path: Path) -> None:
    with pytest.raises(
        MachineError, match=r"--storage: .*unable to open database file\. Fix: make sure that sqlite:///.*none/x"
    ):
        searched(f"sqlite:///{tmp_path}/none/x.db")


def test_a_column_that_is_gone_is_said_and_what_the_work_itself_raises_is_passed_on(database: Path) -> None:
    import sqlite3

    with sqlite3.connect(database) as connection:
        connection.execute("ALTER TABLE trials RENAME COLUMN state TO another")
    with pytest.raises(MachineError, match="no such column"):
        searched(f"sqlite:///{database}")
    with pytest.raises(ZeroDivisionError), trials_in("sqlite://"):
        raise ZeroDivisionError
