"""Whether a database of SQLite is damaged, and what is done with one that is."""

import itertools
import sqlite3
from contextlib import closing
from pathlib import Path

__all__ = ["is_whole", "set_aside"]

_DAMAGED = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_ERROR)  # the last: of another format


def is_whole(database: Path) -> bool:
    """Whether SQLite can read all of its pages, for all we know: another process may be writing, or nobody may read it."""
    try:
        with closing(sqlite3.connect(database, timeout=5)) as connection:
            return bool(connection.execute("PRAGMA integrity_check").fetchone() == ("ok",))
    except sqlite3.Error as error:
        code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_CORRUPT)  # text that is none has no code
        return code & 0xFF not in _DAMAGED


def set_aside(database: Path, why: str) -> Path:
    """Rename it to ``<name>.<why>``, with what SQLite keeps beside it, from which it may be saved by hand; to where."""
    names = (f"{database.name}.{why}{number}" for number in itertools.chain([""], (f"-{n}" for n in itertools.count(2))))
    aside = next(path for path in map(database.with_name, names) if not path.exists())
    for suffix in ("-journal", "-wal", "-shm", ""):
        beside = database.with_name(database.name + suffix)
        if beside.exists():
            beside.rename(aside.with_name(aside.name + suffix))
    return aside
