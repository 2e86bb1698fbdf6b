"""The n-th call of the operating system fails: one line and its exit code, nothing partial, and the next run is as ever."""

import errno
import fcntl
import io
import os
import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any
from unittest.mock import patch

from pipeline.artifacts import NO_ROOM_OR_ACCESS
from pipeline.errors import MachineError, PmtrecError
from tests.faults.outputs import content_of, finished_runs, partial_outputs, running
from tests.project import Project

__all__ = ["failing_calls"]

_CALLS = [(os, name) for name in ("fsync", "rename", "replace", "mkdir", "unlink", "rmdir", "scandir", "stat", "listdir")]
_CALLS += [(io, "open"), (fcntl, "flock")]
_ERRORS = (errno.ENOSPC, errno.EACCES, errno.EROFS, errno.EIO, errno.EDQUOT)
_ENDS = (MachineError.exit_code,)
_READS = ("scandir", "stat", "listdir")  # these do not fail for want of room


class _Counter:
    """Calls one function, and fails once."""

    def __init__(self, call: Callable[..., Any], root: Path, fail_at: int, number: int) -> None:
        self._call = call
        self._root = str(root)
        self._fail_at = fail_at
        self._number = number
        self.n_calls = 0

    def __call__(self, *arguments: Any, **named: Any) -> Any:
        # What is not of the project, as of a library, is not ours to survive.
        path = arguments[0] if arguments else "."
        if not isinstance(path, str | os.PathLike) or str(path).startswith(self._root):
            self.n_calls += 1
            if self.n_calls == self._fail_at:
                raise OSError(self._number, os.strerror(self._number), path if isinstance(path, str) else str(path))
        return self._call(*arguments, **named)


@contextmanager
def _failing(module: ModuleType, name: str, root: Path, fail_at: int, number: int) -> Iterator[_Counter]:
    before = getattr(module, name)
    counter = _Counter(before, root, fail_at, number)
    setattr(module, name, counter)
    try:
        yield counter
    finally:
        setattr(module, name, before)


@contextmanager
def _in_another_process() -> Iterator[None]:
    """As the next run is: that of the fault is gone, and what it has left open in MLflow is nobody's."""
    with patch("pipeline.tracking.run.is_gone", return_value=True):
        yield


def failing_calls(
    project: Project, stages: dict[str, tuple[Callable[[], object], list[str]]], n_faults: int, seed: int
) -> Iterator[tuple[str, str, list[str]]]:
    """Stage, call and what was wrong, for each fault; stages run in this process.

    Args:
        project: A finished one.
        stages: Name -> what runs it, and its outputs that do not depend on the clock.
        n_faults: Number of faults.
        seed: Which.
    """
    draw = random.Random(seed)
    counts: dict[tuple[str, str], int] = {}
    n_tried = 0
    while n_tried < n_faults:
        stage, (work, outs) = draw.choice(list(stages.items()))
        module, name = draw.choice(_CALLS)
        if (stage, name) not in counts:
            with _failing(module, name, project.root, 0, 0) as counter:
                work()
            counts[stage, name] = counter.n_calls
        if not counts[stage, name]:
            continue  # nothing here that could fail
        n_tried += 1
        number = errno.EACCES if name in _READS else draw.choice(_ERRORS)
        before = {out: content_of(project.root / out) for out in outs}
        runs = finished_runs(project.root)
        wrong: list[str] = []
        with _failing(module, name, project.root, 1 + draw.randrange(counts[stage, name]), number):
            try:
                work()
            except PmtrecError as error:
                if "Fix: " not in str(error) or "\n" in str(error):
                    wrong.append(f"said {str(error)!r}")
                if error.exit_code not in _ENDS:
                    wrong.append(f"{errno.errorcode[number]} ends with {error.exit_code}: {error}")
            except OSError as error:
                if error.errno not in NO_ROOM_OR_ACCESS:  # which become a line
                    wrong.append(f"{type(error).__name__}: {error}")
            except Exception as error:  # noqa: BLE001  # the very thing that is looked for
                wrong.append(f"{type(error).__name__}: {error}")
        wrong += partial_outputs(project.root, outs)
        wrong += [
            f"{out}: other bytes" for out, content in before.items() if content_of(project.root / out) not in ({}, content)
        ]
        try:
            with _in_another_process():
                work()
        except PmtrecError as error:
            wrong.append(f"the next run: {error}")
        changed = [out for out, content in before.items() if content_of(project.root / out) != content]
        wrong += [f"{out}: other bytes afterwards" for out in changed]
        if finished_runs(project.root) != runs:
            wrong.append("MLflow: other runs than before")
        wrong += running(project.root)
        yield stage, f"{name} {errno.errorcode[number]}", wrong
