"""`dvc repro` without starting a Python for every stage: for many short trainings. No stage of the DAG.

DVC decides what is run, and notes, caches and restores as always. Only where it would start a command that is one of our
stages, this process, which has imported torch and mlflow once, forks a copy of itself that calls the stage.
"""

import argparse
import importlib
import logging
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import dvc.stage.run
from dvc.exceptions import DvcException
from dvc.repo import Repo

from pipeline.errors import InputError
from pipeline.files import dvc_hash
from stages._fork import run_in_a_copy
from stages._stage import run

STAGES = [
    f"stages.{name}" for name in ("check", "download", "preprocess", "build_tasks", "train", "evaluate", "track", "compare")
]
CODE = Path(__file__).parents[1]

_start_a_shell = dvc.stage.run._run


def main(argv: Sequence[str] | None = None) -> None:
    """Bring stages up to date; after a failure go on with those that do not depend on it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("targets", nargs="*", help="stages; by default all, as of dvc repro")
    targets = parser.parse_args(argv).targets
    before = _code()
    # Read by OpenMP and by the allocator as torch is imported; dvc.yaml says why.
    os.environ |= {"OMP_WAIT_POLICY": "PASSIVE", "THP_MEM_ALLOC_ENABLE": "1"}
    logging.getLogger("dvc").propagate = False  # it has its own way to the terminal
    for module in ("mlflow", *STAGES):  # seconds, which the copies are spared
        importlib.import_module(module)

    def start(executable: str | None, command: str, **options: Any) -> None:
        if not any(f" python -m {stage} " in command for stage in STAGES):
            _start_a_shell(executable, command, **options)
            return
        if _code() != before:  # DVC would note the new code for what the old has made
            raise InputError(f"{CODE}: code was edited while it ran. Fix: run again; what is done stays done")
        run_in_a_copy(command, options["cwd"], options["env"])

    # DVC offers no other place to do this; a test holds that it is still the place.
    dvc.stage.run._run = start
    try:
        Repo().reproduce(targets or None, on_error="keep-going")
    except DvcException as error:
        raise InputError(f"{error}. Fix: see the lines above, then run again; what is done stays done") from error


def _code() -> list[str]:
    return [dvc_hash(path) for folder in ("pipeline", "stages") for path in sorted((CODE / folder).rglob("*.py"))]


if __name__ == "__main__":
    run(main)
