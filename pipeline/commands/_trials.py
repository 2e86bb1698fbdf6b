"""The database of the trials of a search: what goes wrong with it is a line that says how to mend it."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from optuna.exceptions import StorageInternalError
from optuna.storages import get_storage
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, SQLAlchemyError

from pipeline.errors import InputError, IntegrityError, MachineError
from pipeline.secrets import without_secret
from pipeline.sqlite_file import is_whole
from pipeline.tracking.store import first_line

__all__ = ["open_trials", "trials_in"]


def open_trials(storage: str) -> None:
    """Make the tables of the trials, where they are not there; and read what is there, before a training waits for it.

    Args:
        storage: URL of the database.

    Raises:
        InputError: If it names no database that can be used.
        IntegrityError: If what is in it is not what was written.
        MachineError: If it cannot be read or written.
    """
    try:
        with trials_in(storage):
            found = get_storage(storage)
    except (ArgumentError, ImportError, ValueError) as error:
        driver = getattr(error.__cause__ or error, "name", None)  # of a module that is not there
        fix = f"install {driver}" if driver else "write sqlite:///tuning.db"
        raise InputError(f"--storage: cannot be opened: {first_line(error)}. Fix: {fix}") from error
    except RuntimeError as error:
        fix = "move it away, or use the version of Optuna that made it"
        raise InputError(f"--storage: cannot be opened: {first_line(error)}. Fix: {fix}") from error
    try:
        with trials_in(storage):
            for study in found.get_all_studies():
                found.get_all_trials(study._study_id)
    except (LookupError, ValueError) as error:  # a value that nobody has written
        raise _damaged(storage, error) from error


@contextmanager
def trials_in(storage: str) -> Iterator[None]:
    """For work that reads and writes the trials in a database.

    Raises:
        IntegrityError: If it is damaged.
        MachineError: If it cannot be read or written, as on a full disk.
    """
    try:
        yield
    except ArgumentError:  # it was no address
        raise
    except (SQLAlchemyError, StorageInternalError) as error:
        problem = first_line(error.__cause__ or error)
        file = _file_of(storage)
        if "no such " in problem or (file and not is_whole(file)):  # column or table
            raise _damaged(storage, error) from error
        fix = f"make sure that {without_secret(storage)} can be read and written, then pmtrec tune again; it goes on"
        raise MachineError(f"--storage: {problem}. Fix: {fix}") from error


def _damaged(storage: str, error: Exception) -> IntegrityError:
    where, problem = _file_of(storage) or without_secret(storage), first_line(error.__cause__ or error)
    return IntegrityError(f"{where}: is damaged ({problem}). Fix: move it away: the search then begins anew")


def _file_of(storage: str) -> Path | None:
    """Of SQLite, if it is there."""
    url = make_url(storage)
    path = Path(url.database or "")
    return path if url.get_backend_name() == "sqlite" and path.is_file() else None
