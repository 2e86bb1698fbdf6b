"""Folders that are what they were when they were written: checksums, and JSON."""

import hashlib
import json
import os
from pathlib import Path
from typing import Any, NoReturn

from pipeline.errors import InputError, IntegrityError

__all__ = ["MANIFEST", "check_folder", "digest", "dvc_hash", "files_of", "json_text", "read_json", "write_json"]

MANIFEST = "manifest.json"


def check_folder(folder: Path) -> Path:
    """Return the folder, after verifying every file against the manifest.

    Raises:
        InputError: If the folder or a file is missing.
        IntegrityError: If a file differs from its checksum in the manifest, or is not listed there.
    """
    redo = "Fix: pmtrec repair, then dvc repro"  # to remove it is not enough: the cache may have the same bytes
    if not (folder / MANIFEST).is_file():
        raise InputError(f"{folder}: there is no complete output here. Fix: run dvc repro")
    try:
        expected = dict(read_json(folder / MANIFEST)["sha256"])
    except (ValueError, KeyError, TypeError) as error:
        raise IntegrityError(f"{folder / MANIFEST}: was modified or corrupted after it was written. {redo}") from error
    present = [name for name in files_of(folder) if name != MANIFEST]
    if present != sorted(expected):
        raise IntegrityError(f"{folder}: contains {present}, but the manifest lists {sorted(expected)}. {redo}")
    for name, written in expected.items():
        if not (folder / name).exists() or digest(folder / name, "sha256") != written:  # a link into a cache may dangle
            raise IntegrityError(f"{folder / name}: was modified or corrupted after it was written. {redo}")
    return folder


def dvc_hash(path: Path) -> str:
    """The md5 of a file or folder as DVC computes it, so that a run can be looked up by the hashes in dvc.lock."""
    if path.is_file():
        return digest(path, "md5")
    entries = [{"md5": digest(path / name, "md5"), "relpath": name} for name in files_of(path)]
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


def files_of(folder: Path) -> list[str]:
    """Relative paths of all files below a folder, sorted as DVC sorts them.

    Raises:
        OSError: If a folder cannot be read; ``Path.rglob`` would leave it out.
    """

    def fail(error: OSError) -> NoReturn:
        raise error

    walked = os.walk(folder, onerror=fail) if folder.is_dir() else ()
    return sorted(Path(root, name).relative_to(folder).as_posix() for root, _, names in walked for name in names)


def digest(path: Path, algorithm: str) -> str:
    """Checksum of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.new(algorithm, usedforsecurity=False)).hexdigest()
