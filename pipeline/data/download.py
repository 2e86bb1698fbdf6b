"""Raw files by URL, verified by checksum; a local mirror is tried first."""

import logging
import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import pooch
import requests

from pipeline.errors import InputError, IntegrityError, MachineError

__all__ = ["MIRROR_VARIABLE", "RemoteFile", "fetch"]

MIRROR_VARIABLE = "PMTREC_MIRROR"

_RETRIES = 3
_TIMEOUT_S = 30

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class RemoteFile:
    """A file of a public collection.

    Attributes:
        base_url: Address of the collection, ending in a slash.
        path: Path inside the collection, and inside a mirror of it.
        sha256: Of the file's bytes.
    """

    base_url: str
    path: str
    sha256: str

    @property
    def url(self) -> str:
        """The address of the file."""
        return self.base_url + quote(self.path)

    @property
    def name(self) -> str:
        """The file's name without its folder."""
        return Path(self.path).name


def fetch(files: Sequence[RemoteFile], folder: Path) -> None:
    """Put verified files into ``folder``, from the mirror (environment variable PMTREC_MIRROR) or else from their address.

    Raises:
        InputError: If PMTREC_MIRROR does not name a folder.
        IntegrityError: If what was found has another checksum.
        MachineError: If a file cannot be had.
    """
    mirror = os.environ.get(MIRROR_VARIABLE)
    if mirror and not Path(mirror).is_dir():
        raise InputError(f"{MIRROR_VARIABLE}: there is no folder {mirror!r}. Fix: set it to an existing folder, or unset it")
    for file in files:
        copy = Path(mirror, file.path) if mirror else None
        if copy and copy.is_file():
            _take_copy(file, copy, folder)
        else:
            _download(file, folder, note=f" (not in {MIRROR_VARIABLE}={mirror} either)" if mirror else "")


def _take_copy(file: RemoteFile, copy: Path, folder: Path) -> None:
    found = pooch.file_hash(str(copy), alg="sha256")
    if found != file.sha256:
        raise IntegrityError(
            f"{copy}: sha256 is {found}, expected {file.sha256}. Fix: replace the file in the mirror, or unset "
            f"{MIRROR_VARIABLE} to download it"
        )
    shutil.copyfile(copy, folder / file.name)
    log.info("%s: taken from the mirror, checksum right", file.path)


def _download(file: RemoteFile, folder: Path, note: str) -> None:
    source = pooch.create(
        path=folder,
        base_url="",
        registry={file.name: f"sha256:{file.sha256}"},
        urls={file.name: file.url},
        retry_if_failed=_RETRIES,
    )
    try:
        source.fetch(file.name, downloader=pooch.HTTPDownloader(progressbar=True, timeout=_TIMEOUT_S))
    except ValueError as error:  # pooch's word for a wrong checksum
        raise IntegrityError(
            f"{file.url}: the download does not have sha256 {file.sha256}. Fix: try again; if it stays so, the "
            f"collection has changed or something on the way alters it"
        ) from error
    except (requests.RequestException, OSError) as error:
        raise MachineError(
            f"{file.url}: cannot be downloaded{note}: {type(error).__name__}. Fix: check the network, or set "
            f"{MIRROR_VARIABLE} to a folder that holds {file.path}"
        ) from error
    log.info("%s: downloaded, checksum right", file.path)
