"""Kinds of state that commands read, each in a process of its own: databases and compiled loops."""

import os
import subprocess
import sys
from functools import partial
from pathlib import Path

from tests.faults.rig import ProcessProject
from tests.faults.state_files import State
from tests.project import Project
from tests.sources import ROOT

__all__ = ["CompiledLoops", "RunDatabase", "TrialDatabase"]

_ALLOWED = {0, 2, 3, 6}
_DAMAGED = 6  # "move it away"
_TRAINING = """
from pipeline.training.learning import LEARN
from tests.toy import checkerboard, tasks_of

split, social = checkerboard()
arguments = {"dim": 8, "batch_size": 32, "epochs": 2, "device": "cpu", "loss": ("bpr", {}), "rule": ("pmtrec_inverse", {})}
tasks = tasks_of([split.train_relation(), social])
learned = LEARN["combiners"](tasks, split, 0, on_epoch=lambda _: None, checkpoints=None, **arguments)
print({name: table.tolist() for name, table in learned.tables.items()})
"""


class _Processes(State):
    """Read by commands, each in a process of its own."""

    said, code = "", 0  # of the last one

    def _run(self, *command: str, **variables: str) -> list[str]:
        environment = os.environ | {"PYTHONPATH": str(ROOT), "DVC_ROOT": str(self.folder)} | variables
        pipe = subprocess.PIPE
        process = subprocess.Popen(
            [sys.executable, *command], cwd=self.folder, env=environment, stdout=pipe, stderr=pipe, text=True
        )
        return self._ended(process)

    def _ended(self, process: "subprocess.Popen[str]") -> list[str]:
        try:
            self.said, said = process.communicate(timeout=120)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
            self.code = process.returncode
            return ["hangs"]
        self.code = process.returncode
        errors = [line for line in said.splitlines() if line.startswith("pmtrec: error") or "Traceback" in line]
        is_one_line = len(errors) == 1 and "Fix: " in errors[0] if self.code else not errors
        if self.code not in _ALLOWED or not is_one_line:
            return [f"{process.args!r} ended with {self.code}: {said[-1000:]}"]
        return []


class RunDatabase(_Processes):
    """The own database of runs: `track`, `pmtrec repair`, `track`."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        os.environ["DVC_ROOT"] = str(folder)
        Project.finished(folder)
        (folder / "dvc.yaml").touch()
        assert not self._run("-m", "dvc", "init", "--no-scm", "--quiet")

    def files(self) -> list[Path]:
        return [self.folder / "mlflow.db"]

    def wrong(self) -> list[str]:
        wrong = self._tracked()
        for work in (partial(self._run, "-m", "pipeline.commands.main", "repair"), self._tracked):
            wrong += work()
            if self.code:
                wrong.append(f"what should mend it ends with {self.code}")
        return wrong

    def _tracked(self) -> list[str]:
        project = ProcessProject(self.folder, "demo")
        project.track()
        return self._ended(project.started[-1])


class TrialDatabase(_Processes):
    """The database of a search, which goes on."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        os.environ["DVC_ROOT"] = str(folder)
        project = Project.in_folder(folder)
        project.change_params(**{"- single_task\n- equal_weights\n- pmtrec\n": "- ease\n", "trials: 10": "trials: 2"})
        project.data()
        project.as_data_folder()
        assert not self.wrong()

    def files(self) -> list[Path]:
        return [self.folder / "tuning.db"]

    def wrong(self) -> list[str]:
        wrong = self._run("-m", "pipeline.commands.main", "tune")
        if self.code == _DAMAGED:  # as its line says
            self.files()[0].rename(self.folder / "away")
            wrong += self._run("-m", "pipeline.commands.main", "tune")
        if self.code:
            wrong.append(f"what should mend it ends with {self.code}")
        return wrong


class CompiledLoops(_Processes):
    """Compiled loops, by which a model is trained."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        assert not self._trained()
        self._whole = self.said

    def files(self) -> list[Path]:
        return sorted(self.folder.rglob("*.nb?"))

    def wrong(self) -> list[str]:
        return self._trained() or ([] if self.said == self._whole else ["other values"])

    def _trained(self) -> list[str]:
        return self._run("-c", _TRAINING, NUMBA_CACHE_DIR=str(self.folder))
