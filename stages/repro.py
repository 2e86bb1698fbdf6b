"""`dvc repro` without starting a Python for every stage: for many short trainings. No stage of the DAG.

DVC decides what is run, and notes, caches and restores as always. Only where it would start a command that is one of our
stages, this process, which has imported torch and mlflow once, forks a copy of itself that calls the stage.
"""

import argparse
import importlib
import logging
import os
import shlex
import sys
from collections.abc import Mapping, Sequence
from typing import Any, NoReturn

import dvc.stage.run
from dvc.exceptions import DvcException
from dvc.repo import Repo
from dvc.stage.exceptions import StageCmdFailedError

from stages._stage import run

STAGES = ("check", "download", "preprocess", "build_tasks", "train", "evaluate", "track", "compare")


def main(argv: Sequence[str] | None = None) -> None:
    """Bring stages up to date; after a failure go on with those that do not depend on it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("targets", nargs="*", help="stages; by default all, as of dvc repro")
    targets = parser.parse_args(argv).targets
    for module in ("mlflow", *(f"stages.{stage}" for stage in STAGES)):  # seconds, which the copies are spared
        importlib.import_module(module)
    logging.getLogger("dvc").propagate = False  # it has its own way to the terminal

    # What would start a shell. DVC offers no other place to do this; a test holds that it is still the place.
    dvc.stage.run._run = _in_a_copy
    try:
        Repo().reproduce(targets or None, on_error="keep-going")
    except DvcException as error:
        sys.exit(f"pmtrec: error: {error}. Fix: see the lines above, then run again; what is done stays done")


def _in_a_copy(_shell: str | None, command: str, *, cwd: str, env: Mapping[str, str], **_options: Any) -> None:
    sys.stdout.flush()
    sys.stderr.flush()
    copy = os.fork()
    if copy == 0:
        _call(command, cwd, env)
    try:
        _, status = os.waitpid(copy, 0)
    except KeyboardInterrupt:
        os.waitpid(copy, 0)  # the terminal has interrupted it too
        raise
    if status:
        raise StageCmdFailedError(command, os.waitstatus_to_exitcode(status))


def _call(command: str, cwd: str, env: Mapping[str, str]) -> NoReturn:
    """``exec env A=1 python -m stages.train --x y``, as this process."""
    code = 1
    try:
        start, _, call = command.partition(" python -m ")
        stage, *arguments = shlex.split(call)
        os.environ.update(env)
        os.environ.update({name: value for name, sign, value in (word.partition("=") for word in start.split()) if sign})
        os.chdir(cwd)
        run(lambda: importlib.import_module(stage).main(arguments))
    except SystemExit as ended:
        code = ended.code if isinstance(ended.code, int) else 1
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


if __name__ == "__main__":
    run(main)
