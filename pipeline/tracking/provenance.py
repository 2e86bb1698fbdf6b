"""Provenance of a run: user, machine, process, git commit, DVC's lock file."""

import getpass
import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.processes import this_process
from pipeline.tracking.project import ownership

__all__ = ["PROCESS", "Training", "source_tags"]

PROCESS = "pmtrec.process"


@dataclass(frozen=True)
class Training:
    """The training that a run records.

    Attributes:
        dataset: Name of the data set; the experiment is ``pmtrec-<dataset>``.
        method: Name of the method.
        seed: Of the training; ``None`` for a training on all interactions.
        params: Key path -> value.
        inputs: Name -> path of an input of the training.
        model: The folder that the training writes.
    """

    dataset: str
    method: str
    seed: int | None
    params: Mapping[str, Any]
    inputs: Mapping[str, Path]
    model: Path

    @property
    def key(self) -> str:
        """What identifies the training, whatever its run is called: ``<dataset>/<method>/<seed>``."""
        return f"{self.dataset}/{self.method}/{'refit' if self.seed is None else self.seed}"

    @property
    def title(self) -> str:
        """Name of its run: method first, then the seed, and the DVC experiment where it is part of one."""
        experiment = os.environ.get("DVC_EXP_NAME", "")
        what = "refit" if self.seed is None else f"seed {self.seed}"
        return f"{self.method} {what}{f' ({experiment})' if experiment else ''}"


def source_tags() -> dict[str, str]:
    """Tags of a run; what git cannot say, as outside of a repository, is empty."""
    try:
        user = getpass.getuser()
    except (ImportError, KeyError, OSError):  # in a container, the user id may have no name
        user = str(os.getuid())
    return {
        "mlflow.user": user,
        "mlflow.source.name": "stages/train.py",
        "mlflow.source.type": "LOCAL",
        "mlflow.source.git.commit": _git("rev-parse", "HEAD") or "",
        # DVC itself rewrites dvc.lock while a pipeline runs.
        "git.dirty": _is_dirty(),
        "dvc.exp.name": os.environ.get("DVC_EXP_NAME", ""),
        PROCESS: this_process(),
        **ownership(),
    }


def _is_dirty() -> str:
    """Empty where git cannot say."""
    status = _git("status", "--porcelain", "--", ".", ":(exclude)dvc.lock")
    return "" if status is None else str(bool(status)).lower()


def _git(*arguments: str) -> str | None:
    try:
        done = subprocess.run(["git", *arguments], capture_output=True, text=True, check=True, timeout=30)
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()
