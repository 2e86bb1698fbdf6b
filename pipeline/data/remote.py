"""A file from wherever fsspec reaches: whole, with the right checksum, and not slower than a person waits; or not at all."""

import errno
import hashlib
import logging
import time
from pathlib import Path

import fsspec  # type: ignore[import-untyped]
from fsspec.callbacks import TqdmCallback  # type: ignore[import-untyped]

from pipeline.errors import InputError, IntegrityError, MachineError

__all__ = ["copy_to", "local_path"]

log = logging.getLogger(__name__)

_TRIES = 3
_PAUSE_S = 1.0  # before the second try, and twice that before the third
_SILENCE_S = 30  # that a web server may take to answer, or between two pieces
_SLOWEST, _WINDOW_S = 1024, 60.0  # bytes a second, over so many seconds


def local_path(address: str) -> str | None:
    """The file of this machine that an address reads, if there is one; of ``zip://inside::outside`` the outer one."""
    outer = address.rpartition("::")[2].removeprefix("file://")
    return None if "://" in outer else outer


def copy_to(path: Path, address: str, sha256: str | None) -> None:
    """Copy a file. What cannot be had now is tried three times; after an error there is nothing under ``path``.

    Args:
        path: Where to.
        address: A path of this machine, http(s), or whatever else fsspec opens. Of an archive
            (``zip://inside::outside``) the one file is taken that the address names, so that nothing can escape its folder.
        sha256: What the bytes must have; ``None`` takes what comes.

    Raises:
        InputError: If there is no such file or no way to such an address.
        IntegrityError: If the bytes have another checksum.
        MachineError: If the file cannot be had now, breaks off, or comes at less than a kibibyte a second.
    """
    for trial in range(1, _TRIES + 1):
        try:
            _copy(path, address, sha256)
        except BaseException as error:
            path.unlink(missing_ok=True)
            if trial == _TRIES or not isinstance(error, MachineError) or isinstance(error.__cause__, PermissionError):
                raise
            log.warning("%s; trying again", error.problems[0].partition(". Fix: ")[0])
            time.sleep(_PAUSE_S * trial)
        else:
            log.info("%s: %s bytes%s", address, f"{path.stat().st_size:,}", ", checksum right" if sha256 else "")
            return


def _copy(path: Path, address: str, sha256: str | None) -> None:
    try:
        files, place = fsspec.url_to_fs(address, **_patience(address))
        with _Progress(address) as progress:
            files.get_file(place, str(path), callback=progress)
        if path.is_dir():  # so some ways of fsspec copy a folder
            path.rmdir()
            raise IsADirectoryError
    except FileNotFoundError as error:
        if isinstance(error.__cause__, OSError | TimeoutError):  # so a web server is reported that does not answer
            raise _unreachable(address, error.__cause__) from error
        raise InputError(f"{address}: there is no such file. Fix: correct its path in params.yaml, or put it there") from error
    except IsADirectoryError as error:
        raise InputError(f"{address}: is a folder. Fix: write the path of a file") from error
    except PermissionError as error:
        raise MachineError(f"{address}: may not be read. Fix: give access") from error
    except (ValueError, ImportError, KeyError) as error:
        raise InputError(
            f"{address}: cannot be opened: {_reason(error)}. Fix: correct the address or install what it asks for"
        ) from error
    except Exception as error:  # each way of fsspec has errors of its own
        if getattr(error, "errno", None) == errno.ENOSPC:
            raise
        if local_path(address) is not None:
            raise InputError(f"{address}: cannot be opened: {_reason(error)}. Fix: get the whole file") from error
        raise _unreachable(address, error) from error
    if sha256:
        with path.open("rb") as copy:
            found = hashlib.file_digest(copy, "sha256").hexdigest()
        if found != sha256:
            raise IntegrityError(
                f"{address}: sha256 is {found}, expected {sha256}. Fix: get the right file, or correct the sum"
            )


class _TooSlowError(Exception):
    """No TimeoutError, whose text fsspec replaces by its own."""


class _Progress(TqdmCallback):  # type: ignore[misc]
    """A bar on a terminal, and the end of a download that trickles."""

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
    return MachineError(f"{address}: cannot be read: {_reason(error)}. Fix: check the network and try again")


def _reason(error: BaseException) -> str:
    return (str(error).splitlines() or [""])[0] or type(error).__name__


def _patience(address: str) -> dict[str, object]:
    """How long a web server may say nothing."""
    if not address.rpartition("::")[2].startswith(("http://", "https://")):
        return {}
    import aiohttp

    wait = aiohttp.ClientTimeout(total=None, connect=_SILENCE_S, sock_connect=_SILENCE_S, sock_read=_SILENCE_S)
    return {"client_kwargs": {"timeout": wait}}
