"""Flipped bits and cuts in what is kept beside the outputs: refused or left out by name, and what comes next is as ever."""

import os
import random
import shutil
import signal
import subprocess
import sys
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from functools import partial
from pathlib import Path

import torch

from pipeline.config.run_config import read_config
from pipeline.dvc_lock import keep_copy, locked_stages, restored
from pipeline.errors import PmtrecError
from pipeline.tracking.journal import Entry, Journal, left_behind
from pipeline.training.checkpoint import Checkpoints
from pipeline.training.epoch import Epoch
from pipeline.training.learning import LEARN, Learned
from tests.faults.flips import damage
from tests.faults.stand import Apart
from tests.project import Project
from tests.sources import ROOT
from tests.toy import checkerboard, tasks_of

__all__ = ["states"]

_ALLOWED = {0, 2, 3, 6}
_LOCK = "schema: '2.0'\nstages:\n"
_LOCKED = """  train@demo-pmtrec-{0}:
    cmd: exec python -m stages.train --seed {0}
    deps:
    - path: data/tasks/demo
      hash: md5
      md5: 0123456789abcdef0123456789abcde{0}.dir
      size: 12345
      nfiles: 3
    outs:
    - path: models/demo/pmtrec/{0}
      hash: md5
      md5: fedcba9876543210fedcba987654321{0}.dir
      size: 54321
      nfiles: 4
"""
_TRAINING = """
from pipeline.training.learning import LEARN
from tests.toy import checkerboard, tasks_of

split, social = checkerboard()
arguments = {"dim": 8, "batch_size": 32, "epochs": 2, "device": "cpu", "loss": ("bpr", {}), "rule": ("pmtrec_inverse", {})}
tasks = tasks_of([split.train_relation(), social])
learned = LEARN["combiners"](tasks, split, 0, on_epoch=lambda _: None, checkpoints=None, **arguments)
print({name: table.tolist() for name, table in learned.tables.items()})
"""


class _Kept(ABC):
    """A kind of state.

    Args:
        folder: Empty; where it is kept.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @abstractmethod
    def files(self) -> list[Path]:
        """That may be damaged."""

    @abstractmethod
    def wrong(self) -> list[str]:
        """What is wrong now that one of them is damaged."""


class _Checkpoints(_Kept):
    """Of a training that was interrupted twice."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        split, social = checkerboard()
        arguments = {"dim": 8, "batch_size": 32, "epochs": 5, "focus_epochs": 4, "device": "cpu", "loss": ("bpr", {})}
        tasks = tasks_of([split.train_relation(), social])
        self._learned = partial(LEARN["combiners"], tasks, split, 0, rule=("pmtrec", {}), **arguments)
        self._whole = self._tables(self._learned(on_epoch=lambda _: None, checkpoints=None))
        for stop in (2, 3):
            try:
                self._learned(on_epoch=partial(_interrupted, stop), checkpoints=Checkpoints(folder))
            except KeyboardInterrupt:
                continue

    def files(self) -> list[Path]:
        return sorted(self.folder.glob("*.safetensors"))

    def wrong(self) -> list[str]:
        again = self._tables(self._learned(on_epoch=lambda _: None, checkpoints=Checkpoints(self.folder)))
        return [f"{name}: other values" for name, of in again.items() if not torch.equal(of, self._whole[name])]

    @staticmethod
    def _tables(learned: Learned) -> dict[str, torch.Tensor]:
        return dict(learned.tables)


def _interrupted(stop: int, epoch: Epoch) -> None:
    if epoch.number == stop:
        os.kill(os.getpid(), signal.SIGINT)


class _Journals(_Kept):
    """What a server that was away has missed of two runs."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self._entries: list[Entry] = [{"what": "begun", "name": "a run", "params": {"lr": "0.1"}}]
        self._entries += [{"what": "epoch", "epoch": number, "loss": 1 / number} for number in range(1, 20)]
        os.environ["DVC_ROOT"] = str(folder)
        for _ in range(2):
            journal = Journal()
            for entry in self._entries:
                journal.append(entry)
            journal.close(is_sent=False)

    def files(self) -> list[Path]:
        return sorted(self.folder.rglob("*.jsonl"))

    def wrong(self) -> list[str]:
        sent: list[list[Entry]] = []
        os.environ["DVC_ROOT"] = str(self.folder)
        left_behind(partial(_taken, sent))
        wrong = []
        for entries in sent:
            places = [self._entries.index(entry) for entry in entries if entry in self._entries]
            if len(places) < len(entries) or places != sorted(set(places)):
                wrong.append("sent what nobody has written")
        if self._entries not in sent:
            wrong.append("the other journal was not sent whole")
        return wrong


def _taken(sent: list[list[Entry]], _name: str, entries: list[Entry]) -> bool:
    sent.append(entries)
    return True


class _Lock(_Kept):
    """dvc.lock, and the copy that `check` keeps."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self._file, self._copy = folder / "dvc.lock", folder / "copy"
        self._file.write_text(_LOCK + "".join(map(_LOCKED.format, range(4))))
        keep_copy(self._file, self._copy)

    def files(self) -> list[Path]:
        return [self._file, self._copy]

    def wrong(self) -> list[str]:
        restored(self._file, self._copy)
        locked_stages(self._file)  # whole, or not there
        return []


class _Params(_Kept):
    """params.yaml; nothing knows what a person meant, so that another value that is allowed is taken."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        shutil.copy(ROOT / "params.yaml", folder)

    def files(self) -> list[Path]:
        return [self.folder / "params.yaml"]

    def wrong(self) -> list[str]:
        try:
            read_config(self.folder / "params.yaml")
        except PmtrecError as error:
            lines = str(error).splitlines()  # one for each problem
            return [f"said {line!r}" for line in lines if "Fix: " not in line and "more problems" not in line]
        return []


class _Processes(_Kept):
    """Read by commands, each in a process of its own."""

    said = ""

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
            return ["hangs"]
        if process.returncode not in _ALLOWED or "Traceback" in said:
            return [f"{process.args!r} ended with {process.returncode}: {said[-1000:]}"]
        return []


class _Runs(_Processes):
    """The own database of runs: `track`, `pmtrec repair`, `track`."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        os.environ["DVC_ROOT"] = str(folder)
        Project.finished(folder)
        (folder / "dvc.yaml").touch()

    def files(self) -> list[Path]:
        return [self.folder / "mlflow.db"]

    def wrong(self) -> list[str]:
        return [*self._tracked(), *self._run("-m", "pipeline.commands.main", "repair"), *self._tracked()]

    def _tracked(self) -> list[str]:
        project = Apart(self.folder, "demo")
        project.track()
        return self._ended(project.started[-1])


class _Trials(_Processes):
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
        return self._run("-m", "pipeline.commands.main", "tune")


class _Loops(_Processes):
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


_KINDS = {
    "checkpoints": (_Checkpoints, 30),
    "journals": (_Journals, 25),
    "dvc.lock": (_Lock, 15),
    "params.yaml": (_Params, 15),
    "mlflow.db": (_Runs, 5),
    "tuning.db": (_Trials, 5),
    "compiled loops": (_Loops, 5),
}


def states(
    scratch: Path, n_flips: int, seed: int, kinds: Iterable[str] = tuple(_KINDS)
) -> Iterator[tuple[str, str, list[str]]]:
    """Kind, what was done to it and what was wrong, for each flip or cut.

    Args:
        scratch: Empty folder.
        n_flips: Number of files to damage, one at a time.
        seed: Which, and where.
        kinds: Of state.
    """
    draw = random.Random(seed)
    made: dict[str, _Kept] = {}
    for name in kinds:
        (folder := scratch / name).mkdir()
        made[name] = _KINDS[name][0](folder)
        shutil.copytree(folder, scratch / f"{name}, whole", symlinks=True)
    for name in draw.choices(list(made), [_KINDS[name][1] for name in made], k=n_flips):
        of = made[name]
        file = draw.choice(of.files())
        what = damage(draw, file, file.read_bytes())
        try:
            wrong = of.wrong()
        except Exception as error:  # noqa: BLE001  # the very thing that is looked for
            wrong = [f"{type(error).__name__}: {error}"]
        shutil.rmtree(of.folder)
        shutil.copytree(scratch / f"{name}, whole", of.folder, symlinks=True)
        yield name, what, [f"{file.name}: {of}" for of in wrong]
