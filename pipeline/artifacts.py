"""Atomically written folders: a temporary sibling, flushed and renamed, with a checksum manifest; one writer at a time."""

import errno
import fcntl
import hashlib
import json
import os
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pipeline.errors import BusyError, InputError, IntegrityError, MachineError

__all__ = [
    "MANIFEST",
    "NO_ROOM_OR_ACCESS",
    "check_folder",
    "dvc_hash",
    "json_text",
    "locked",
    "new_folder",
    "read_json",
    "write_json",
]

MANIFEST = "manifest.json"
NO_ROOM_OR_ACCESS = (errno.ENOSPC, errno.EDQUOT, errno.EACCES, errno.EPERM, errno.EROFS)
"""Errors of the operating system that the user can fix."""


@contextmanager
def new_folder(final: Path) -> Iterator[Path]:
    """A folder to fill, which gets its final name only when the block ends without an error.

    An existing folder of that name stays untouched until then. The folder gets a ``manifest.json`` with the sha256 of every
    file and the number of rows of every table.

    Raises:
        BusyError: If another process is writing the same folder.
        MachineError: If the disk is full or the location is not writable.
    """
    partial = final.with_name(f".{final.name}.partial")
    try:
        final.parent.mkdir(parents=True, exist_ok=True)
        with locked(final):
            shutil.rmtree(partial, ignore_errors=True)  # left behind by a process that was killed
            partial.mkdir()
            try:
                yield partial
                sums = {name: _digest(partial / name, "sha256") for name in _files(partial)}
                write_json(partial / MANIFEST, {"sha256": sums, "rows": _rows(partial, sums)})
                _flush(partial)
                old = final.with_name(f".{final.name}.old.partial")
                shutil.rmtree(old, ignore_errors=True)
                if final.exists():
                    final.rename(old)  # unlike a removal, a rename cannot stop halfway
                partial.rename(final)
                shutil.rmtree(old, ignore_errors=True)
            finally:
                shutil.rmtree(partial, ignore_errors=True)
    except OSError as error:
        if error.errno not in NO_ROOM_OR_ACCESS:
            raise
        fix = "free disk space or grant write permission"
        raise MachineError(f"{final}: cannot be written: {error.strerror}. Fix: {fix}") from error


@contextmanager
def locked(final: Path) -> Iterator[None]:
    """Hold the lock of a file or folder; the kernel releases it when the process ends, however it ends.

    Raises:
        BusyError: If another process holds it.
    """
    with final.with_name(f".{final.name}.lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise BusyError(f"{final}: another process is writing it. Fix: wait for it to finish, or stop it") from error
        yield


def check_folder(folder: Path) -> Path:
    """Return the folder, after verifying every file against the manifest.

    Raises:
        InputError: If the folder or a file is missing.
        IntegrityError: If a file differs from its checksum in the manifest, or is not listed there.
    """
    redo = f"Fix: remove {folder} and run dvc repro"
    if not (folder / MANIFEST).is_file():
        raise InputError(f"{folder}: there is no complete output here. Fix: run dvc repro")
    try:
        expected = dict(read_json(folder / MANIFEST)["sha256"])
    except (ValueError, KeyError, TypeError) as error:
        raise IntegrityError(f"{folder / MANIFEST}: was modified or corrupted after it was written. {redo}") from error
    present = [name for name in _files(folder) if name != MANIFEST]
    if present != sorted(expected):
        raise IntegrityError(f"{folder}: contains {present}, but the manifest lists {sorted(expected)}. {redo}")
    for name, digest in expected.items():
        if _digest(folder / name, "sha256") != digest:
            raise IntegrityError(f"{folder / name}: was modified or corrupted after it was written. {redo}")
    return folder


def dvc_hash(path: Path) -> str:
    """The md5 of a file or folder as DVC computes it, so that a run can be looked up by the hashes in dvc.lock."""
    if path.is_file():
        return _digest(path, "md5")
    entries = [{"md5": _digest(path / name, "md5"), "relpath": name} for name in _files(path)]
    return hashlib.md5(json.dumps(entries).encode(), usedforsecurity=False).hexdigest() + ".dir"


def write_json(path: Path, content: Any) -> None:
    """Write ``json_text``."""
    path.write_text(json_text(content), encoding="utf-8")


def json_text(content: Any) -> str:
    """Write indented JSON with a newline at the end."""
    return json.dumps(content, indent=2, sort_keys=True, allow_nan=False) + "\n"


def read_json(path: Path) -> Any:
    """The content of a JSON file."""
    return json.loads(path.read_text(encoding="utf-8"))


def _files(folder: Path) -> list[str]:
    """Relative paths of all files below a folder, sorted as DVC sorts them."""
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def _rows(folder: Path, names: Iterable[str]) -> dict[str, int]:
    if not (tables := [name for name in names if name.endswith(".parquet")]):
        return {}
    import pyarrow.parquet  # not needed to load a saved model

    return {name: pyarrow.parquet.read_metadata(folder / name).num_rows for name in tables}


def _digest(path: Path, algorithm: str) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.new(algorithm, usedforsecurity=False)).hexdigest()


def _flush(folder: Path) -> None:
    """Force the files and the folder's entries to the disk, so that the rename never outruns the content."""
    for path in [*folder.rglob("*"), folder]:
        descriptor = os.open(path, os.O_RDONLY)
        os.fsync(descriptor)
        os.close(descriptor)
