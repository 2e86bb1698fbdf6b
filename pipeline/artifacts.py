"""Atomically written folders: a temporary sibling, flushed and renamed, with a checksum manifest; one writer at a time."""

import errno
import os
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from pipeline.errors import BusyError, MachineError
from pipeline.integrity import MANIFEST, digest, files_of, write_json

__all__ = ["NO_ROOM_OR_ACCESS", "ROOM_OR_ACCESS", "locked", "new_folder", "project_root", "refuse_busy"]

NO_ROOM_OR_ACCESS = (
    *(errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EMFILE, errno.ENFILE),
    *(errno.EACCES, errno.EPERM, errno.EROFS, errno.EIO),
)
"""Errors of the operating system that the user can fix."""

ROOM_OR_ACCESS = "free disk space, grant write permission, or see whether the disk is whole"
"""What helps with them."""


@contextmanager
def new_folder(final: Path) -> Iterator[Path]:
    """A folder to fill, which gets its final name only when the block ends without an error.

    An existing folder of that name stays untouched until then, and no other process gets to fill it. The folder gets a
    ``manifest.json`` with the sha256 of every file and the number of rows of every table.

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
                sums = {name: digest(partial / name, "sha256") for name in files_of(partial)}
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
        raise MachineError(f"{final}: cannot be written: {error.strerror}. Fix: {ROOM_OR_ACCESS}") from error


def project_root() -> Path:
    """Where what is kept beside the outputs lies; also when run in the temporary copy of ``dvc exp run --temp``."""
    return Path(os.environ.get("DVC_ROOT", ".")).resolve()


def refuse_busy(final: Path) -> None:
    """See ``new_folder``, for what comes before it is filled.

    Raises:
        BusyError: If another process is writing the folder.
    """
    if final.parent.is_dir():
        with locked(final):
            pass


@contextmanager
def locked(final: Path, *, wait: bool = False) -> Iterator[None]:
    """Hold the lock of a file or folder; the kernel releases it when the process ends, however it ends.

    Args:
        final: The file or folder.
        wait: Whether to wait for another process that holds it.

    Raises:
        BusyError: If another process holds it, and is not waited for.
    """
    import fcntl  # not on every system; only writers need it

    with final.with_name(f".{final.name}.lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        except BlockingIOError as error:
            raise BusyError(f"{final}: another process is writing it. Fix: wait for it to finish, or stop it") from error
        yield


def _rows(folder: Path, names: Iterable[str]) -> dict[str, int]:
    if not (tables := [name for name in names if name.endswith(".parquet")]):
        return {}
    import pyarrow.parquet  # not needed to load a saved model

    return {name: pyarrow.parquet.read_metadata(folder / name).num_rows for name in tables}


def _flush(folder: Path) -> None:
    """Force the files and the folder's entries to the disk, so that the rename never outruns the content."""
    for path in [*folder.rglob("*"), folder]:
        descriptor = os.open(path, os.O_RDONLY)
        os.fsync(descriptor)
        os.close(descriptor)
