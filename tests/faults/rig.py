"""A project on which faults are tried: each stage as a process of its own, whose outputs are known from an undisturbed run."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from pipeline.integrity import MANIFEST, dvc_hash
from tests.faults.outputs import finished_runs, partial_outputs, running
from tests.project import Project
from tests.sources import ROOT

__all__ = ["ProcessProject", "Rig", "Step"]

_ERRORS = re.compile(r"^pmtrec: error|^Traceback|^Fatal|Warning:|Exception ignored|\bERROR\b")
METHODS = ("single_task", "equal_weights", "pmtrec")
_BLOCK = 512  # bytes


@dataclass
class Step:
    """One stage of the DAG.

    Attributes:
        name: Of the stage, with its method.
        outs: What DVC removes before it starts; relative to the project.
        run: Starts it.
        sums: Hash of each output of an undisturbed run; ``None`` for one that depends on the clock.
        size: Of these outputs on disk, in bytes.
    """

    name: str
    outs: list[str]
    run: Callable[[], object]
    sums: dict[str, str | None] = field(default_factory=dict)
    size: int = 0


@dataclass(frozen=True, eq=False)
class ProcessProject(Project):
    """A project whose stages run as processes; the one that was started last may be disturbed.

    Attributes:
        started: The processes.
        within: A command that starts another, as on a machine that lacks something.
        variables: More of the environment.
    """

    started: list["subprocess.Popen[str]"] = field(default_factory=list)
    within: list[str] = field(default_factory=list)
    variables: dict[str, str] = field(default_factory=dict)

    def run(self, stage: Callable[[list[str]], None], *names: str, **paths: str) -> None:
        options = [*names, *(part for name, path in paths.items() for part in (f"--{name}", path))]
        command = [*self.within, sys.executable, "-m", stage.__module__, *options]
        environment = os.environ | {"PYTHONPATH": str(ROOT), "DVC_ROOT": str(self.root)} | self.variables
        environment.pop("MLFLOW_TRACKING_URI", None)
        started = subprocess.Popen(
            command, cwd=self.root, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
        )
        self.started.append(started)


class Rig:
    """A finished project, and its stages one by one.

    Args:
        root: Empty folder.
        epochs: Of each training.
    """

    def __init__(self, root: Path, epochs: int = 5) -> None:
        self.root = root
        self.project = ProcessProject.in_folder(root, epochs=epochs)
        for step in self.steps():
            self.redo(step)
            assert self.wait() == (0, ""), step.name
        self.known = self.steps()
        for step in self.known:
            step.sums = {out: self.sum_of(out) for out in step.outs}
            files = (path for out in step.outs for path in (root / out).rglob("*"))
            step.size = sum(path.stat().st_blocks * _BLOCK for path in files)
        self.runs = finished_runs(root)

    def steps(self) -> list[Step]:
        """All stages, in an order in which they can run."""
        of, found = self.project, [Step("check", ["checked"], self.project.check)]
        place = f"{of.dataset}"
        names = ("download", "preprocess", "build_tasks")
        outs = (f"raw/{place}", f"processed/{place}", f"tasks/{place}")
        found += [Step(name, [out], partial(self._data, name)) for name, out in zip(names, outs, strict=True)]
        for method in METHODS:
            both = [of.model(method), f"costs/{place}/{method}/0"]
            found += [Step(f"train {method}", both, partial(of.train, method))]
            found += [Step(f"evaluate {method}", [of.result(method)], partial(of.evaluate, method))]
        found += [Step("collect", ["collected"], of.collect), Step("refit", [f"refits/{place}"], of.refit)]
        return [*found, Step("track", [], of.track), Step("compare", ["reports"], of.compare)]

    def _data(self, name: str) -> None:
        """One of the stages of ``Project.data``."""
        from stages import build_tasks, download, preprocess

        place = self.project.dataset
        checked = {"checked": f"checked/{place}/{name}.json"}
        record = {"record": f"checked/{place}/download.json"}
        if name == "download":
            self.project.run(download.main, **checked, out=f"raw/{place}")
        elif name == "preprocess":
            self.project.run(preprocess.main, **checked, **record, raw=f"raw/{place}", out=f"processed/{place}")
        else:
            self.project.run(build_tasks.main, **checked, processed=f"processed/{place}", out=f"tasks/{place}")

    def redo(self, step: Step) -> "subprocess.Popen[str]":
        """Start a stage as DVC does, without its outputs."""
        self.remove(step)
        step.run()
        return self.project.started[-1]

    def remove(self, step: Step) -> None:
        """What it would write."""
        for out in step.outs:
            shutil.rmtree(self.root / out, ignore_errors=True)

    def wait(self, seconds: float = 60, of: "subprocess.Popen[str] | None" = None) -> tuple[int, str]:
        """Exit code of a process, by default of what was started last, and what it said of errors."""
        process = of or self.project.started[-1]
        try:
            said = process.communicate(timeout=seconds)[1]
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
            return 1, "it hangs"
        return process.returncode, "\n".join(line for line in said.splitlines() if _ERRORS.search(line))

    def sum_of(self, out: str) -> str | None:
        """Hash of an output; what depends on the clock, or names the hash of what does, has none."""
        folder = self.root / out
        return None if out.startswith(("costs", "reports", "collected")) or not folder.is_dir() else dvc_hash(folder)

    def after(self, step: Step) -> list[str]:
        """What is wrong once the stage has run again: nothing, if nobody can see that it was ever disturbed."""
        self.redo(step)
        code, line = self.wait()
        if code or line:
            return [f"the next run ended with {code}: {line}"]
        wrong = self.other_bytes(step) or partial_outputs(self.root)
        if finished_runs(self.root) != self.runs:
            wrong.append("MLflow: other runs than before")
        return [*wrong, *running(self.root)]

    @staticmethod
    def not_one_line(code: int, line: str) -> list[str]:
        """An error says what is wrong in one line, with its mending; what has worked says nothing of the kind."""
        is_right = ("Fix: " in line and "\n" not in line) if code else not line
        return [] if is_right else [f"ended with {code}, and said {line!r}"]

    def other_bytes(self, step: Step) -> list[str]:
        """Outputs that are not there, or not what an undisturbed run gives."""
        missing = [f"{out}: is not there" for out in step.outs if not (self.root / out / MANIFEST).is_file()]
        return missing or [f"{out}: other bytes" for out, before in step.sums.items() if before != self.sum_of(out)]
