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
    """Make the tables of the trials, where they are not there; the errors are those of ``trials_in``."""
    with trials_in(storage):
        try:
            get_storage(storage)
        except ValueError as error:  # of an address that Optuna knows and does not take any more
            raise ArgumentError(str(error)) from error


@contextmanager
def trials_in(storage: str) -> Iterator[None]:
    """For work that reads and writes the trials in a database.

    Args:
        storage: URL of it.

    Raises:
        InputError: If it names no database that can be used.
        IntegrityError: If its file is damaged.
        MachineError: If it cannot be read or written, as on a full disk.
    """
    try:
        yield
    except (SQLAlchemyError, StorageInternalError, ImportError) as error:
        problem = first_line(error.__cause__ or error)
        file = _file_of(storage)
        if file and not is_whole(file):
            raise IntegrityError(f"{file}: is damaged ({problem}). Fix: move it away: the search then begins anew") from error
        if isinstance(error, ArgumentError | ImportError):
            raise InputError(f"--storage: cannot be opened: {problem}. Fix: write sqlite:///tuning.db") from error
        fix = f"make sure that {without_secret(storage)} can be read and written, then pmtrec tune again; it goes on"
        raise MachineError(f"--storage: {problem}. Fix: {fix}") from error


def _file_of(storage: str) -> Path | None:
    """Of SQLite, if it is there."""
    try:
        url = make_url(storage)
    except ArgumentError:
        return None
    path = Path(url.database or "")
    return path if url.get_backend_name() == "sqlite" and path.is_file() else None
