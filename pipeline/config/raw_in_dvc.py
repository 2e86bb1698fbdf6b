"""The record of a data set that dvc.lock was written by: where DVC has the raw data, the files they came from may be gone."""

import json
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

__all__ = ["record_in_dvc"]

_LOCK = Path("dvc.lock")


def record_in_dvc(dataset: str) -> dict[str, Any] | None:
    """What the stage ``check`` wrote when the raw data of a data set were fetched; ``None`` if DVC does not have it here."""
    if not _LOCK.is_file():
        return None
    from dvc.exceptions import DvcException
    from dvc.repo import Repo

    try:
        stage = YAML(typ="safe", pure=True).load(_LOCK)["stages"][f"download@{dataset}"]
        md5 = next(dep["md5"] for dep in stage["deps"] if dep["path"].endswith(f"/{dataset}/download.json"))
        with Repo(".") as repo:
            found: dict[str, Any] = json.loads(Path(repo.cache.local.oid_to_path(md5)).read_text(encoding="utf-8"))
    except (YAMLError, LookupError, TypeError, StopIteration, ValueError, OSError, DvcException):
        return None
    return found
