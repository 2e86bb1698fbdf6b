"""A file from wherever fsspec reaches."""

import errno
import hashlib
import logging
from pathlib import Path

import fsspec  # type: ignore[import-untyped]

from pipeline.errors import InputError, IntegrityError, MachineError

__all__ = ["copy_to", "is_local"]

log = logging.getLogger(__name__)

_SILENCE_S = 30


def is_local(address: str) -> bool:
    """Whether an address is a path of this machine."""
    return "://" not in address and "::" not in address


def copy_to(path: Path, address: str, sha256: str | None) -> None:
    """Copy a file.

    Args:
        path: Where to.
        address: A path of this machine, http(s), or whatever else fsspec opens.
        sha256: What the bytes must have; ``None`` takes what comes.

    Raises:
        InputError: If there is no such file or no way to such an address.
        IntegrityError: If the bytes have another checksum.
        MachineError: If the file cannot be had now.
    """
    if is_local(address) and Path(address).is_dir():
        raise InputError(f"{address}: is a folder. Fix: write the path of a file")
    try:
        files, place = fsspec.url_to_fs(address, **_patience(address))
        files.get_file(place, str(path))
    except FileNotFoundError as error:
        if error.__cause__ is not None:  # so a web server is reported that does not answer
            raise _unreachable(address, error.__cause__) from error
        raise InputError(f"{address}: there is no such file. Fix: correct its path in params.yaml, or put it there") from error
    except PermissionError as error:
        raise MachineError(f"{address}: may not be read. Fix: give access") from error
    except (ValueError, ImportError) as error:
        reason = str(error).splitlines()[0]
        raise InputError(
            f"{address}: cannot be opened: {reason}. Fix: correct the address or install what it asks for"
        ) from error
    except Exception as error:  # each way of fsspec has errors of its own
        if getattr(error, "errno", None) == errno.ENOSPC:
            raise
        raise _unreachable(address, error) from error
    if sha256:
        with path.open("rb") as copy:
            found = hashlib.file_digest(copy, "sha256").hexdigest()
        if found != sha256:
            raise IntegrityError(
                f"{address}: sha256 is {found}, expected {sha256}. Fix: get the right file, or correct params.yaml"
            )
    log.info("%s: %d bytes", address, path.stat().st_size)


def _unreachable(address: str, error: BaseException) -> MachineError:
    reason = (str(error).splitlines() or [type(error).__name__])[0]
    return MachineError(f"{address}: cannot be read: {reason}. Fix: check the network and try again")


def _patience(address: str) -> dict[str, object]:
    """How long a web server may say nothing."""
    if not address.rpartition("::")[2].startswith(("http://", "https://")):
        return {}
    import aiohttp

    return {"client_kwargs": {"timeout": aiohttp.ClientTimeout(total=None, connect=_SILENCE_S, sock_read=_SILENCE_S)}}
