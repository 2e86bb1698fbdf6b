"""A stage in a copy of this process."""

import importlib
import os
import shlex
import sys
import traceback
from collections.abc import Mapping
from typing import NoReturn

from dvc.stage.exceptions import StageCmdFailedError

from stages._stage import run

__all__ = ["run_in_a_copy"]


def run_in_a_copy(command: str, cwd: str, env: Mapping[str, str]) -> None:
    """Run the stage of a command line of dvc.yaml.

    Raises:
        StageCmdFailedError: As DVC does where a command fails.
    """
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
