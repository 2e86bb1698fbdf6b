"""Whose runs these are: several projects, and several clones of one, may use the same MLflow server.

What params.yaml says of it (section ``tracking``) is read here again, because nothing that is trained depends on it.
"""

import os
import uuid
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from pipeline.artifacts import locked, project_root

__all__ = ["CHECKOUT", "PROJECT", "checkout", "is_ours", "is_owned", "owner", "ownership", "prefix"]

PROJECT, CHECKOUT = "pmtrec.project", "pmtrec.checkout"
"""Tags of runs and of versions of models: whose they are, and of which folder."""


def prefix() -> str:
    """What the names of experiments and registered models begin with."""
    return str(_settings().get("prefix") or "pmtrec")


def checkout() -> str:
    """Identifies this folder, as long as it exists; empty where runs are in a database of its own, which nobody shares."""
    if not os.environ.get("MLFLOW_TRACKING_URI"):
        return ""
    root = project_root()
    path = root / ".pmtrec" / "checkout"
    path.parent.mkdir(parents=True, exist_ok=True)
    with locked(path, wait=True):
        known, _, place = path.read_text(encoding="utf-8").partition(" ") if path.is_file() else ("", "", "")
        if place != str(root) and (not known or (place and Path(place).exists())):  # a copy; one that was moved is the same
            known = uuid.uuid4().hex[:12]
        if place != str(root):
            beside = path.with_name(f".{path.name}.partial")
            beside.write_text(f"{known} {root}", encoding="utf-8")
            beside.replace(path)
    return known


def owner() -> str:
    """The project, the same in all its clones; where params.yaml does not say, this folder is one for itself."""
    return str(_settings().get("project") or checkout())


def ownership() -> dict[str, str]:
    """Tags of what this folder makes."""
    return {PROJECT: owner(), CHECKOUT: checkout()}


def is_owned(tags: Mapping[str, str]) -> bool:
    """Whether a run or a version is of this project; what was made before there were owners is."""
    return tags.get(PROJECT) in (None, "", owner()) or tags.get(CHECKOUT) == checkout()


def is_ours(tags: Mapping[str, str]) -> bool:
    """Whether it was made by this very folder, which alone may change it."""
    return is_owned(tags) and tags.get(CHECKOUT) in (None, "", checkout())


def _settings() -> Mapping[str, Any]:
    path = project_root() / "params.yaml"
    return _read(path, path.stat().st_mtime_ns) if path.is_file() else {}


@cache
def _read(path: Path, _changed: int) -> Mapping[str, Any]:
    try:
        found = YAML(typ="safe", pure=True).load(path)
        return dict(found.get("tracking") or {})
    except (OSError, YAMLError, AttributeError, TypeError, ValueError):  # the stage `check` says what is wrong
        return {}
