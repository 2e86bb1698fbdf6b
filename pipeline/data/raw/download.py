"""Download the files of a public collection, verified by checksum: from mirrors in order, then from the collection."""

import logging
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from pipeline.data.raw.remote import copy_to, local_path
from pipeline.errors import InputError, IntegrityError, MachineError, PmtrecError

__all__ = ["MIRROR_VARIABLE", "RemoteFile", "fetch"]

MIRROR_VARIABLE = "PMTREC_MIRROR"

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class RemoteFile:
    """A file of a public collection.

    Attributes:
        base_url: Address of the collection, ending in a slash.
        path: Path inside the collection, and inside a mirror of it.
        checksum: sha256 of the file, or its git blob id (40 digits).
    """

    base_url: str
    path: str
    checksum: str

    @property
    def name(self) -> str:
        """The file's name without its folder."""
        return Path(self.path).name

    def in_mirror(self, mirror: str) -> str:
        """Its address in a mirror: a path in a local folder, or a URL below a base URL."""
        return str(Path(mirror, self.path)) if local_path(mirror) is not None else f"{mirror.rstrip('/')}/{quote(self.path)}"


def fetch(files: Sequence[RemoteFile], folder: Path) -> None:
    """Put verified files into ``folder``.

    The environment variable PMTREC_MIRROR names mirrors, separated by semicolons: folders, or addresses that fsspec opens.
    A file that a mirror lacks, or has with another checksum, comes from the next one, and finally from the collection.

    Raises:
        InputError: If a local mirror is not a folder.
        IntegrityError: If a file was found, but nowhere with the right checksum.
        MachineError: If a file is not available anywhere.
    """
    mirrors = [mirror.strip() for mirror in os.environ.get(MIRROR_VARIABLE, "").split(";") if mirror.strip()]
    for mirror in mirrors:
        if local_path(mirror) is not None and not Path(mirror).is_dir():
            raise InputError(
                f"{MIRROR_VARIABLE}: there is no folder {mirror!r}. Fix: set it to an existing folder, or unset it"
            )
    for file in files:
        _fetch_one(file, [file.in_mirror(mirror) for mirror in mirrors] + [file.base_url + quote(file.path)], folder)


def _fetch_one(file: RemoteFile, addresses: list[str], folder: Path) -> None:
    refusals: list[PmtrecError] = []
    for address in addresses:
        try:
            return copy_to(folder / file.name, address, file.checksum)
        except (InputError, IntegrityError, MachineError) as error:
            refusals.append(error)
            if len(refusals) < len(addresses):
                log.warning("%s; trying the next source", error.problems[0].partition(". Fix: ")[0])
    for refusal in refusals:
        if isinstance(refusal, IntegrityError):  # a wrong checksum matters more than an unreachable source
            raise refusal
    reason = refusals[-1].problems[0].partition(". Fix: ")[0]
    mirrors = f" (nor from {', '.join(addresses[:-1])})" if addresses[1:] else ""
    fix = f"check the network, or set {MIRROR_VARIABLE} to a folder that holds {file.path}"
    raise MachineError(f"{reason}{mirrors}. Fix: {fix}") from refusals[-1]
