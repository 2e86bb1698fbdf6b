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
import traceback
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn

import dvc.stage.run
from dvc.exceptions import DvcException
from dvc.repo import Repo
from dvc.stage.exceptions import StageCmdFailedError

from pipeline.errors import InputError
from pipeline.files import dvc_hash
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

    def start(shell: str | None, command: str, **options: Any) -> None:
        if not any(f" python -m {stage} " in command for stage in STAGES):
            _start_a_shell(shell, command, **options)
            return
        if _code() != before:  # DVC would note the new code for what the old has made
            raise InputError(f"{CODE}: code was edited while it ran. Fix: run again; what is done stays done")
        _in_a_copy(command, options["cwd"], options["env"])

    # DVC offers no other place to do this; a test holds that it is still the place.
    dvc.stage.run._run = start
    try:
        Repo().reproduce(targets or None, on_error="keep-going")
    except DvcException as error:
        raise InputError(f"{error}. Fix: see the lines above, then run again; what is done stays done") from error


def _code() -> list[str]:
    return [dvc_hash(path) for folder in ("pipeline", "stages") for path in sorted((CODE / folder).rglob("*.py"))]


def _in_a_copy(command: str, cwd: str, env: Mapping[str, str]) -> None:
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
    """The stage of ``exec env A=1 python -m stages.train --x y``; this process ends with it, whatever happens."""
    code = 1
    try:
        stage, *arguments = shlex.split(command.partition(" python -m ")[2])
        os.environ.update(env)
        os.chdir(cwd)
        run(lambda: importlib.import_module(stage).main(arguments))
    except SystemExit as ended:
        code = ended.code if isinstance(ended.code, int) else 1
    except BaseException:  # noqa: BLE001  # with PMTREC_DEBUG=1; nothing is above that would show it
        traceback.print_exc()
    finally:
        try:
            sys.stdout.flush()
            sys.stderr.flush()
        finally:
            os._exit(code)


if __name__ == "__main__":
    run(main)
