"""Signals to ``dvc repro`` itself at random moments: no stage outlives it, and the next one ends as if nothing had been."""

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from mlflow import MlflowClient

from pipeline.integrity import MANIFEST, dvc_hash
from tests.clone import Clone
from tests.faults.outputs import partial_outputs

__all__ = ["dvc_kills"]

_OUTS = ("data/processed", "data/tasks", "models", "results", "refits")  # what does not depend on the clock
# DVC itself ends with 252 on Ctrl-C, and with 255 where its stage was ended by it.
_ENDS = {signal.SIGKILL: {-9}, signal.SIGTERM: {-15, 143}, signal.SIGINT: {-2, 130, 252, 255}}
_ENDS_S, _ORPHANS_S = 20, 20  # a training ends after its epoch
_LATE_S = 1  # after the signal, nothing is finished any more
_OVER_S = 0.3  # before which a signal came, if it ended with 0: it was about to
# Ctrl-C reaches the group; sent SIGINT alone, dvc lets its stage end first, which is its own decision.
_WAYS = [(signal.SIGKILL, False), (signal.SIGKILL, True), (signal.SIGTERM, False), (signal.SIGINT, True)]


def dvc_kills(scratch: Path, n_kills: int, seed: int) -> Iterator[tuple[str, str, list[str]]]:
    """Where, signal and what was wrong, for each kill.

    Args:
        scratch: Empty folder.
        n_kills: Number of kills.
        seed: Which, and when.
    """
    draw = random.Random(seed)
    (before := scratch / "before").mkdir()
    Clone.committed(before)
    clone = _copy(before, scratch / "undisturbed")
    start = time.monotonic()
    clone.repro()
    length = time.monotonic() - start
    known, n_runs = _sums(clone.root), _statuses(clone.root).count("FINISHED")
    number = 0
    while number < n_kills:
        shutil.rmtree(scratch / f"{number}", ignore_errors=True)
        clone = _copy(before, scratch / f"{number}")  # of its own: MLflow remembers a database by its path
        how, to_group = draw.choice(_WAYS)
        wrong = _killed(clone, draw.uniform(0, length), how, to_group=to_group)
        if wrong is None:  # it was over before
            continue
        number += 1
        wrong += partial_outputs(clone.root)
        ended, is_repaired = _ends_as_ever(clone)
        wrong += ended
        now = _sums(clone.root)
        wrong += [f"{out}: other bytes, or none" for out in known.keys() | now.keys() if now.get(out) != known.get(out)]
        statuses = Counter(_statuses(clone.root))
        if statuses["RUNNING"] or statuses["FINISHED"] != n_runs:
            wrong.append(f"runs: {dict(statuses)} instead of {n_runs}")
        shutil.rmtree(clone.root)
        to_whom = "dvc and its stages" if to_group else "dvc alone"
        yield to_whom + (", dvc.lock repaired" if is_repaired else ""), how.name, wrong


def _copy(before: Path, root: Path) -> Clone:
    shutil.copytree(before, root, symlinks=True)
    return Clone(root)


def _killed(clone: Clone, seconds: float, how: signal.Signals, *, to_group: bool) -> list[str] | None:
    """Start ``dvc repro``, send it a signal, and see whether everything of it ends; ``None`` if it was over before."""
    repro = subprocess.Popen(
        [sys.executable, "-m", "dvc", "repro"],
        cwd=clone.root,
        env=clone.environment(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    time.sleep(seconds)
    if repro.poll() is not None:
        return None if repro.returncode == 0 else [f"ended by itself with {repro.returncode}"]
    sent, sent_at = time.monotonic(), time.time()
    if to_group:
        os.killpg(repro.pid, how)
    else:
        repro.send_signal(how)
    try:
        repro.wait(_ENDS_S)
    except subprocess.TimeoutExpired:
        os.killpg(repro.pid, signal.SIGKILL)
        repro.wait()
        return ["dvc goes on"]
    is_over = repro.returncode == 0 and time.monotonic() - sent < _OVER_S
    until = time.monotonic() + _ORPHANS_S
    while (orphans := _at_work_in(clone.root)) and time.monotonic() < until:
        time.sleep(0.1)
    for pid in orphans:
        os.kill(pid, signal.SIGKILL)
    wrong = [f"{len(orphans)} stage(s) go on"] if orphans else []
    done = (path for path in clone.root.rglob(MANIFEST) if path.stat().st_mtime > sent_at + _LATE_S)
    wrong += [f"{path.parent.relative_to(clone.root)}: was finished all the same" for path in done]
    return wrong if is_over or repro.returncode in _ENDS[how] else [*wrong, f"ended with {repro.returncode}"]


def _at_work_in(root: Path) -> list[int]:
    """Processes whose current folder it is."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if (folder / "cwd").readlink() == root:
                found.append(int(folder.name))
        except OSError:  # it has ended, or is nobody's business
            continue
    return found


def _ends_as_ever(clone: Clone) -> tuple[list[str], bool]:
    """`dvc repro` once more, and whether `pmtrec repair` had to come first, as when dvc.lock was cut while DVC wrote it."""
    try:
        clone.repro()
    except AssertionError as first:
        if "dvc.lock" not in str(first):
            return [f"the next run: {str(first).splitlines()[-5:]}"], False
        try:
            clone.run("pipeline.commands.main", "repair")
            clone.repro()
        except AssertionError as error:
            return [f"the next run: {str(error).splitlines()[-5:]}"], True
        return [], True
    return [], False


def _sums(root: Path) -> dict[str, str]:
    folders = [path.parent for out in _OUTS for path in (root / out).rglob("manifest.json")]
    return {str(folder.relative_to(root)): dvc_hash(folder) for folder in folders}


def _statuses(root: Path) -> list[str]:
    """Of all runs in the own database."""
    client = MlflowClient(f"sqlite:///{root}/mlflow.db")
    ids = [experiment.experiment_id for experiment in client.search_experiments()]
    return [run.info.status for run in client.search_runs(ids)]
