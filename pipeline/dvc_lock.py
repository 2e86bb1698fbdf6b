"""dvc.lock, which DVC writes in place: who is killed then leaves half of one, so a copy of a whole one is kept."""

import os
import shutil
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from pipeline.errors import IntegrityError

__all__ = ["keep_copy", "locked_stages", "restored"]


_SUMS = {"md5", "etag", "checksum", "files"}  # by one of which DVC knows a file, wherever it is
_FILES = ("deps", "outs")  # of a stage


def locked_stages(lock: Path) -> dict[str, Any]:
    """Its stages by name; none if DVC has not written it yet.

    Raises:
        IntegrityError: If it is not what DVC writes.
    """
    try:
        text = lock.read_text(encoding="utf-8") if lock.is_file() else "stages: {}\n"
        stages = dict(YAML(typ="safe", pure=True).load(text)["stages"])
        files = [one for of in stages.values() for kind in _FILES for one in of.get(kind, [])]
        if not (text.endswith("\n") and all("cmd" in of for of in stages.values()) and all(_SUMS & set(one) for one in files)):
            raise ValueError(text)
    except (YAMLError, UnicodeDecodeError, KeyError, TypeError, ValueError, AttributeError) as error:
        raise IntegrityError(f"{lock}: is damaged. Fix: pmtrec repair, then dvc repro") from error
    else:
        return stages


def keep_copy(lock: Path, copy: Path) -> None:
    """Keep a copy of one that is whole; of a damaged one DVC itself will say so."""
    try:
        locked_stages(lock)
    except IntegrityError:
        return
    if lock.is_file():
        copy.parent.mkdir(parents=True, exist_ok=True)
        beside = copy.with_name(f".{copy.name}.partial")
        shutil.copyfile(lock, beside)
        os.replace(beside, copy)


def restored(lock: Path, copy: Path) -> str:
    """Put the copy in the place of a damaged one; what was done, in a line, empty if it is whole."""
    try:
        locked_stages(lock)
    except IntegrityError:
        lock.replace(lock.with_name(f"{lock.name}.damaged"))  # git has the older ones
    else:
        return ""
    try:
        has_copy = bool(copy.is_file() and locked_stages(copy))
    except IntegrityError:
        has_copy = False
    if not has_copy:
        return f"{lock}: was damaged, and there is no copy: moved to {lock}.damaged; dvc repro makes it anew"
    shutil.copyfile(copy, lock)
    return f"{lock}: was damaged: the copy from the last `dvc repro` is in its place, the other is {lock}.damaged"
