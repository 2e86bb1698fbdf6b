"""The database of runs in the project folder, for who has no MLflow server."""

import logging
import os
import sqlite3
import subprocess
import sys
import uuid
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from pipeline.artifacts import project_root
from pipeline.sqlite_file import is_whole, set_aside

__all__ = ["first_use", "is_made", "make", "own_database", "remove_damaged", "remove_half_made", "uri_of"]

log = logging.getLogger(__name__)


def own_database() -> Path:
    """Where it is, or will be."""
    return project_root() / "mlflow.db"


def uri_of(database: Path) -> str:
    """Its address; in one, some characters of a folder's name would mean something."""
    means_something = any(sign in str(database) for sign in "?%#")
    return f"sqlite:///{os.path.relpath(database) if means_something else database}"


def is_made(database: Path) -> bool:
    """Whether there is one, whole or not."""
    return database.is_file() and database.stat().st_size > 0


@contextmanager
def first_use() -> Iterator[None]:
    """Serialise first use: concurrent processes would crash while creating the tables or an experiment."""
    import fcntl  # a model is served where there is none

    with (project_root() / ".mlflow.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def make(database: Path) -> None:
    """Make it beside and rename it: a process that is killed leaves no half of one."""
    from mlflow import MlflowClient

    with first_use():
        if is_made(database):  # by another process, while this one waited
            return
        for left in database.parent.glob(f"{database.name}.new-*"):  # of a process that was killed
            left.unlink()
        new = database.with_name(f"{database.name}.new-{uuid.uuid4().hex[:8]}")  # MLflow remembers an address that it has used
        MlflowClient(uri_of(new)).search_experiments(max_results=1)
        new.rename(database)


def remove_half_made(database: Path) -> None:
    """Move a database aside that holds no run and that MLflow cannot use: its maker was killed."""
    if not is_made(database) or _n_runs(database):
        return
    with first_use():
        if is_made(database) and not _is_usable(database):
            aside = set_aside(database, "half-made")
            what = "%s: only half of it was made, and it holds no run: moved to %s, and made anew"
            log.warning(what, database.name, aside.name)


def remove_damaged(database: Path) -> Path | None:
    """Move a database aside whose pages are damaged; to where, or ``None`` if it is whole or not there."""
    with first_use():
        if not is_made(database) or is_whole(database):
            return None
        return set_aside(database, "damaged")


def _is_usable(database: Path) -> bool:
    """In a process of its own: MLflow keeps a connection to what it has opened once."""
    code = f"from mlflow import MlflowClient; MlflowClient({uri_of(database)!r}).search_experiments(max_results=1)"
    return subprocess.run([sys.executable, "-c", code], capture_output=True, check=False).returncode == 0


def _n_runs(database: Path) -> int:
    """0 if there is no table of runs yet; -1 if nobody knows, as of what is no database."""
    try:
        with closing(sqlite3.connect(database, timeout=5)) as connection:
            tables = connection.execute("SELECT count(*) FROM sqlite_master WHERE name = 'runs'").fetchone()[0]
            return int(connection.execute("SELECT count(*) FROM runs").fetchone()[0]) if tables else 0
    except sqlite3.Error:
        return -1
