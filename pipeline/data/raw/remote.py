"""Copy a file from anywhere fsspec can read: complete, with the right checksum and without stalling, or not at all."""

import errno
import hashlib
import logging
import os
import time
from glob import glob, has_magic
from pathlib import Path

import fsspec
from fsspec.callbacks import TqdmCallback

from pipeline.errors import InputError, IntegrityError, MachineError
from pipeline.integrity import files_of
from pipeline.secrets import without_secret

__all__ = ["anchored", "copy_to", "listed", "local_path"]

log = logging.getLogger(__name__)

_TRIES = 3
_PAUSE_S = 1.0  # before the second try, and twice that before the third
_GIT_DIGITS = 40  # of a git blob id, a sha1
_SILENCE_S = 30  # maximum wait for a web server's answer, or for its next chunk
_SLOWEST, _WINDOW_S = 1024, 60.0  # minimum bytes per second, averaged over this many seconds


def local_path(address: str) -> str | None:
    """The local file behind an address, or ``None``; for ``zip://inside::outside``, the outer file.

    ``~`` and environment variables are those of whoever asks.
    """
    outer = address.rpartition("::")[2].removeprefix("file://").removeprefix("local://")
    return None if "://" in outer else os.path.expanduser(os.path.expandvars(outer))


def anchored(address: str) -> str:
    """The same address with the values of variables; in the copy in which a queued experiment runs, paths are the project's."""
    outer, root = local_path(address), os.environ.get("DVC_ROOT")
    if outer is None:
        return os.path.expandvars(address)
    inside, mark, _ = address.rpartition("::")
    if root is None or Path(outer).is_absolute() or glob(outer):
        return f"{inside}{mark}{outer}"
    return f"{inside}{mark}{Path(root, outer)}"


def listed(address: str) -> list[str]:
    """Addresses of the files that an address stands for: itself, or all of a local folder or pattern (``logs/*.csv``).

    They are in alphabetical order, those of folders in a folder included; names that begin with a dot or an underscore are not
    data but marks of the program that wrote them.

    Raises:
        InputError: If there is none, or one whose name is no text.
    """
    outer = local_path(address)
    if outer is None or "::" in address:
        return [address]
    place = anchored(outer)
    if os.path.isdir(place):  # other than pathlib, it has an answer for a name that is too long
        found = [str(Path(place, name)) for name in files_of(Path(place)) if not _is_mark(Path(name))]
    elif has_magic(place) and not os.path.exists(place):
        found = [path for path in glob(place, recursive=True) if Path(path).is_file()]
    else:
        return [address]
    if not found:
        raise InputError(f"{address}: there is no file in it. Fix: correct its path in params.yaml, or put files there")
    for path in found:
        try:
            path.encode()
        except UnicodeEncodeError as error:
            raise InputError(f"{address}: {os.fsencode(path)!r} is not UTF-8. Fix: rename that file") from error
    return sorted(found)


def _is_mark(path: Path) -> bool:
    return any(part.startswith((".", "_")) for part in path.parts)


def copy_to(path: Path, address: str, checksum: str | None) -> None:
    """Copy a file, with up to three attempts if it is temporarily unavailable; after an error, ``path`` does not exist.

    Args:
        path: Destination.
        address: A local path, an http(s) URL, or anything else that fsspec opens. From an archive
            (``zip://inside::outside``), only the named file is extracted, so that nothing can escape its folder.
        checksum: Expected sha256 (64 hexadecimal digits), or git blob id (40), by which a file of a public repository can be
            verified that one has never seen; ``None`` skips the check.

    Raises:
        InputError: If the file does not exist or such an address cannot be opened.
        IntegrityError: If the checksum differs.
        MachineError: If the file is unavailable, or its transfer is interrupted or slower than 1 KiB/s.
    """
    for trial in range(1, _TRIES + 1):
        try:
            _copy(path, address, checksum)
        except BaseException as error:
            path.unlink(missing_ok=True)
            if trial == _TRIES or not isinstance(error, MachineError) or isinstance(error.__cause__, PermissionError):
                raise
            log.warning("%s; trying again", error.problems[0].partition(". Fix: ")[0])
            time.sleep(_PAUSE_S * trial)
        else:
            log.info(
                "%s: %s bytes%s", without_secret(address), f"{path.stat().st_size:,}", ", checksum verified" if checksum else ""
            )
            return


def _copy(path: Path, address: str, checksum: str | None) -> None:
    shown = without_secret(address)
    try:
        files, place = _file_system(address)
        with _Progress(shown) as progress:
            files.get_file(place, str(path), callback=progress)
        if path.is_dir():  # some fsspec file systems copy a folder this way
            path.rmdir()
            raise IsADirectoryError
    except FileNotFoundError as error:
        if isinstance(error.__cause__, OSError | TimeoutError):  # how fsspec reports a web server that does not answer
            raise _unreachable(address, error.__cause__) from error
        raise InputError(f"{shown}: there is no such file. Fix: correct its path in params.yaml, or put it there") from error
    except IsADirectoryError as error:
        raise InputError(f"{shown}: is a folder. Fix: use the path of a file") from error
    except PermissionError as error:
        raise MachineError(f"{shown}: permission denied. Fix: grant read permission") from error
    except (ValueError, ImportError, KeyError) as error:
        raise InputError(
            f"{shown}: cannot be opened: {_reason(error)}. Fix: correct the address, or install the package it needs"
        ) from error
    except Exception as error:  # each fsspec file system raises its own errors
        if getattr(error, "errno", None) == errno.ENOSPC:
            raise
        if local_path(address) is not None:
            raise InputError(f"{shown}: cannot be opened: {_reason(error)}. Fix: provide the complete file") from error
        raise _unreachable(address, error) from error
    if checksum and (found := _checksum(path, len(checksum))) != checksum:
        kind = "git blob id" if len(checksum) == _GIT_DIGITS else "sha256"
        raise IntegrityError(
            f"{shown}: {kind} is {found}, expected {checksum}. Fix: get the right file, or correct the checksum"
        )


def _file_system(address: str) -> tuple[fsspec.AbstractFileSystem, str]:
    try:
        found: tuple[fsspec.AbstractFileSystem, str] = fsspec.url_to_fs(anchored(address), **_patience(address))
    except (TypeError, AttributeError) as error:  # of a protocol that needs more than an address
        raise ValueError(_reason(error)) from error
    return found


def _checksum(path: Path, digits: int) -> str:
    """sha256, or git's: sha1 of ``blob <size>``, a zero byte and the content."""
    with path.open("rb") as copy:
        if digits != _GIT_DIGITS:
            return hashlib.file_digest(copy, "sha256").hexdigest()
        found = hashlib.sha1(b"blob %d\0" % path.stat().st_size, usedforsecurity=False)
        while block := copy.read(2**20):
            found.update(block)
        return found.hexdigest()


class _TooSlowError(Exception):
    """Not a TimeoutError, because fsspec replaces the message of those."""


class _Progress(TqdmCallback):  # type: ignore[misc]
    """A progress bar on a terminal; aborts a download that is too slow."""

    def __init__(self, address: str) -> None:
        bar = {"desc": address.rsplit("/", maxsplit=1)[-1], "unit": "B", "unit_scale": True, "leave": False, "disable": None}
        super().__init__(tqdm_kwargs=bar)
        self._since, self._bytes = time.monotonic(), 0

    def relative_update(self, inc: int = 1) -> None:
        super().relative_update(inc)
        self._bytes += inc
        seconds = time.monotonic() - self._since
        if seconds > _WINDOW_S:
            if self._bytes < _SLOWEST * seconds:
                raise _TooSlowError(f"{self._bytes:,} bytes in the last {seconds:.0f} seconds")
            self._since, self._bytes = time.monotonic(), 0


def _unreachable(address: str, error: BaseException) -> MachineError:
    return MachineError(f"{without_secret(address)}: cannot be read: {_reason(error)}. Fix: check the network and try again")


def _reason(error: BaseException) -> str:
    return without_secret((str(error).splitlines() or [""])[0]) or type(error).__name__  # which may have it expanded


def _patience(address: str) -> dict[str, object]:
    """Timeouts for a web server, as fsspec options."""
    if not address.rpartition("::")[2].startswith(("http://", "https://")):
        return {}
    import aiohttp

    wait = aiohttp.ClientTimeout(total=None, connect=_SILENCE_S, sock_connect=_SILENCE_S, sock_read=_SILENCE_S)
    return {"client_kwargs": {"timeout": wait}}
