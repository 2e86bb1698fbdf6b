"""What is to be said of a run, kept on this machine until MLflow has taken it: a server may be away for days.

A journal is a file of its own for each run, to which lines are appended, each with its checksum. Its writer holds a lock on it;
one that nobody holds is of a process that has ended, and whoever comes next sends it. What is sent twice is there once.
"""

import hashlib
import json
import logging
import os
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import Any

from pipeline.artifacts import project_root

__all__ = ["Entry", "Journal", "left_behind", "read_entries"]

log = logging.getLogger(__name__)

Entry = dict[str, Any]
"""What happened: ``what`` and its particulars, as JSON."""

_DIGITS = 16  # of a sha256, in front of every line


def _folder() -> Path:
    return project_root() / ".pmtrec" / "journal"


class Journal:
    """The journal that this process writes.

    Attributes:
        name: Identifies the run, whatever MLflow calls it.
    """

    def __init__(self) -> None:
        import fcntl  # not on every system; a model is served where there is none

        _folder().mkdir(parents=True, exist_ok=True)
        self.name = f"{time.time_ns() // 10**6}-{uuid.uuid4().hex[:8]}"
        self._path = _folder() / f"{self.name}.jsonl"
        beside = self._path.with_suffix(".new")
        self._file = beside.open("a", encoding="utf-8")
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX)
            beside.rename(self._path)  # nobody has seen it unlocked
        except OSError:
            self._file.close()
            raise

    def append(self, entry: Mapping[str, Any]) -> None:
        """Add an entry; it survives the end of this process."""
        content = json.dumps(entry)
        self._file.write(f"{_sum(content)} {content}\n")
        self._file.flush()

    def close(self, *, is_sent: bool) -> None:
        """End it; what MLflow has taken is removed, the rest waits."""
        with closing(self._file):
            if is_sent:
                self._path.unlink(missing_ok=True)
            else:
                os.fsync(self._file.fileno())


def read_entries(path: Path) -> list[Entry]:
    """The entries that are whole; a last one that was cut short is one that never happened."""
    entries = []
    lines = path.read_bytes().decode(errors="replace").splitlines()
    for number, line in enumerate(lines, 1):
        digest, _, content = line.partition(" ")
        if digest == _sum(content):
            entries.append(json.loads(content))
        elif number < len(lines):
            log.warning("%s: line %d was damaged after it was written, and is left out", path, number)
    return entries


@contextmanager
def _alone(path: Path) -> Iterator[bool]:
    """Whether nobody writes or sends it; nobody else will until the block ends."""
    import fcntl

    with ExitStack() as stack:
        try:
            file = stack.enter_context(path.open("rb"))
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except (FileNotFoundError, BlockingIOError):
            yield False
            return
        yield path.exists()  # another may have sent it in the meantime


def left_behind(send: Callable[[str, list[Entry]], bool]) -> int:
    """Hand out the journals of processes that have ended, the oldest first.

    Args:
        send: Takes name and entries; whether MLflow has them all now. Such a journal is removed; others wait.

    Returns:
        Number of journals that were sent.
    """
    n_sent = 0
    for path in sorted(_folder().glob("*.jsonl")):
        with _alone(path) as is_ours:
            if not is_ours:
                continue
            entries = read_entries(path)
            if not path.stat().st_size:  # its process was killed before the first line
                path.unlink()
            elif not entries or entries[0]["what"] != "begun":
                log.warning("%s: its beginning was damaged after it was written: moved to %s.damaged", path, path.name)
                path.rename(path.with_name(f"{path.name}.damaged"))
            elif send(path.stem, entries):
                path.unlink()
                n_sent += 1
    return n_sent


def _sum(content: str) -> str:
    return hashlib.sha256(content.encode()).hexdigest()[:_DIGITS]
