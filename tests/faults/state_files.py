"""Kinds of state that this process reads: checkpoints, journals, dvc.lock, params.yaml."""

import os
import shutil
import signal
from abc import ABC, abstractmethod
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
from tests.sources import ROOT
from tests.toy import checkerboard, tasks_of

__all__ = ["CheckpointFiles", "JournalFiles", "LockFile", "ParamsFile", "State"]

_N_STAGES = 4
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


class State(ABC):
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


class CheckpointFiles(State):
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


class JournalFiles(State):
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


class LockFile(State):
    """dvc.lock, and the copy that `check` keeps."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self._file, self._copy = folder / "dvc.lock", folder / "copy"
        self._file.write_text(_LOCK + "".join(map(_LOCKED.format, range(_N_STAGES))))
        keep_copy(self._file, self._copy)

    def files(self) -> list[Path]:
        return [self._file, self._copy]

    def wrong(self) -> list[str]:
        restored(self._file, self._copy)
        n_stages = len(locked_stages(self._file))
        return [] if n_stages == _N_STAGES else [f"{n_stages} stages are left"]


class ParamsFile(State):
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
