"""Machines that lack something: room, inodes, write access, a home, a temporary folder, shared memory, a clock that goes on.

The project lies on a small file system in memory, which takes permission to mount; ``unshare -rm`` gives it to one command.
"""

import os
import random
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.faults.outputs import partial_outputs
from tests.faults.rig import Rig, Step
from tests.sources import ROOT

__all__ = ["can_mount", "machines"]

_OK, _MACHINE = 0, 3
_LEAST = 2**16  # bytes: of a stage that writes to the database alone
_CLOCK = """
import time
from itertools import count

def set_back(read, day, calls=count()):
    return lambda: read() - (day if next(calls) > {after} else 0)

time.time, time.time_ns = set_back(time.time, 86_400), set_back(time.time_ns, 86_400 * 10**9)
"""


def can_mount() -> bool:
    """Whether this user may; tried in a namespace of its own."""
    command = ["unshare", "-m", "mount", "-t", "tmpfs", "none", "/mnt"]
    return shutil.which("unshare") is not None and subprocess.run(command, capture_output=True, check=False).returncode == 0


def machines(scratch: Path, n_tries: int, seed: int) -> Iterator[tuple[str, str, list[str]]]:
    """Stage, what its machine lacks and what was wrong, for each try.

    Args:
        scratch: Empty folder.
        n_tries: Number of stages that are run on a machine that lacks something.
        seed: Which, and how much is left.

    Raises:
        subprocess.CalledProcessError: Without permission to mount.
    """
    with _mounted(scratch):
        (root := scratch / "project").mkdir()
        rig, draw = Rig(root), random.Random(seed)
        for number in range(n_tries):
            step = rig.known[number % len(rig.known)]
            name = draw.choice(list(_LACKS))
            rig.remove(step)
            wrong = _LACKS[name](rig, step, draw)
            yield step.name, name, [*wrong, *partial_outputs(root, step.outs), *rig.after(step)]


def _ended(rig: Rig, step: Step, *, may_fail: bool = True) -> list[str]:
    step.run()
    code, line = rig.wait()
    if code not in ({_OK, _MACHINE} if may_fail else {_OK}):
        return [f"ended with {code}: {line}"]
    return rig.not_one_line(code, line)


def _full(rig: Rig, step: Step, draw: random.Random) -> list[str]:
    """From nothing left to almost all that the stage needs."""
    free = os.statvfs(rig.root)
    filler = rig.root.parent / "filler"
    left = draw.randrange(max(step.size, _LEAST) // free.f_bsize) * free.f_bsize
    with filler.open("wb") as file:
        os.posix_fallocate(file.fileno(), 0, free.f_bavail * free.f_bsize - left)
    try:
        return _ended(rig, step)
    finally:
        filler.unlink()


def _no_inodes(rig: Rig, step: Step, draw: random.Random) -> list[str]:
    folder = rig.root.parent / "many"
    folder.mkdir()
    try:
        for number in range(os.statvfs(rig.root).f_favail - draw.randrange(12)):
            (folder / str(number)).touch()
        return _ended(rig, step)
    finally:
        for path in folder.iterdir():
            path.unlink()
        folder.rmdir()


def _read_only(rig: Rig, step: Step, _draw: random.Random) -> list[str]:
    subprocess.run(["mount", "-o", "remount,ro", rig.root.parent], check=True)
    try:
        return _ended(rig, step)
    finally:
        subprocess.run(["mount", "-o", "remount,rw", rig.root.parent], check=True)


def _no_home(rig: Rig, step: Step, _draw: random.Random) -> list[str]:
    with _with(rig, HOME="/dev/null/none"):
        return _ended(rig, step, may_fail=False)


def _no_tmpdir(rig: Rig, step: Step, _draw: random.Random) -> list[str]:
    """Nothing can be written where temporary files go; the project, a file system of its own, stays as it is."""
    read_only = "set -e; for of in /tmp /var/tmp; do mount --rbind $of $of && mount -o remount,bind,ro $of; done"
    with _within(rig, read_only), _with(rig, TMPDIR="/dev/null/none"):
        return _ended(rig, step)


def _no_shared_memory(rig: Rig, step: Step, _draw: random.Random) -> list[str]:
    with _within(rig, "mount -t tmpfs -o ro none /dev/shm"):
        return _ended(rig, step)


def _clock_set_back(rig: Rig, step: Step, draw: random.Random) -> list[str]:
    """What Python's `time` says, by a day, in the middle of the stage, whose inputs are of a later time then."""
    (folder := rig.root.parent / "clock").mkdir(exist_ok=True)
    (folder / "sitecustomize.py").write_text(_CLOCK.format(after=draw.randrange(2000)))
    before = rig.project.variables.get("PYTHONPATH", str(ROOT))
    with _with(rig, PYTHONPATH=f"{folder}{os.pathsep}{before}"):
        return _ended(rig, step, may_fail=False)


_LACKS: dict[str, Callable[[Rig, Step, random.Random], list[str]]] = {
    "room": _full,
    "inodes": _no_inodes,
    "write_access": _read_only,
    "home": _no_home,
    "tmpdir": _no_tmpdir,
    "shm": _no_shared_memory,
    "clock": _clock_set_back,
}


@contextmanager
def _mounted(folder: Path) -> Iterator[None]:
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=256m,nr_inodes=20k", "none", folder], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True)


@contextmanager
def _with(rig: Rig, **variables: str) -> Iterator[None]:
    before = dict(rig.project.variables)
    rig.project.variables.update(variables)
    try:
        yield
    finally:
        rig.project.variables.clear()
        rig.project.variables.update(before)


@contextmanager
def _within(rig: Rig, command: str) -> Iterator[None]:
    """In a mount namespace of its own, after that command."""
    rig.project.within.extend(["unshare", "-m", "sh", "-c", f'{command} && exec "$@"', "sh"])
    try:
        yield
    finally:
        rig.project.within.clear()
