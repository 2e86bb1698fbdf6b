"""What a training needs to go on where it was interrupted, to the bit, and files of it.

They are no outputs of DVC, which removes those before a stage starts, but lie beside, under a key of all that determines the
result: data, settings, code. Whoever asks for the same finds them, and no one else does.
"""

import hashlib
import json
import logging
import os
import shutil
import signal
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from types import FrameType
from typing import Any, Protocol

from pipeline.artifacts import NO_ROOM_OR_ACCESS, project_root
from pipeline.states import joined_state, split_state
from pipeline.training.epoch import Epoch

__all__ = ["Checkpoints", "Part", "checkpoints_in", "checkpoints_root"]

log = logging.getLogger(__name__)

_FIRST_S = 60.0  # before the first checkpoint: a short training needs none
_SHARE = 50  # times what a checkpoint takes passes before the next: they cost 2% at most
_KEPT = 2
_OLDEST_S = 14 * 86_400
_MOST_BYTES = 20 * 2**30  # of all trainings
_DIGITS = 32  # of the checksum in a file's name


class Part(Protocol):
    """A part of a training, as torch's own modules are."""

    def state_dict(self) -> Any:
        """All that the next epoch depends on, nested (see ``split_state``)."""

    def load_state_dict(self, state: Any, /) -> Any:
        """Take it over."""


class Checkpoints:
    """The checkpoints of one training; without a folder there are none.

    Args:
        folder: Where they lie, for this training alone.

    Attributes:
        epochs: Those that have ended, in this process or before; a training begins after those that are there.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self._folder = folder
        self._parts: dict[str, Part] = {}
        self._saved, self._next = time.monotonic(), _FIRST_S
        self._asked: signal.Signals | None = None
        self._found = None if folder is None else _newest(folder)
        self.epochs = [] if self._found is None else [Epoch(**of) for of in self._found["epochs"]]
        if self.epochs:
            what = "resuming after epoch %d, where this training was interrupted (train.resume: false begins anew)"
            log.info(what, self.epochs[-1].number)

    def part(self, name: str, part: Part) -> None:
        """Save this too; where a checkpoint was found, the part takes over its state."""
        self._parts[name] = part
        if self._found is not None:
            part.load_state_dict(self._found["parts"][name])

    def all_of(self, loop: Iterable[Epoch], on_epoch: Callable[[Epoch], None]) -> Iterator[Epoch]:
        """The epochs that were there, then those of the loop, after each of which the state may be saved.

        Args:
            loop: The epochs after those that are there; its parts are registered.
            on_epoch: Called for every epoch first.

        Raises:
            KeyboardInterrupt: After saving, if SIGINT has come.
            SystemExit: Likewise, of another signal.
        """
        for epoch in list(self.epochs):
            on_epoch(epoch)
            yield epoch
        for epoch in loop:
            self.epochs.append(epoch)
            on_epoch(epoch)
            yield epoch
            if self._folder is not None and (self._asked or time.monotonic() - self._saved > self._next):
                self._save(self._folder)
            if self._asked:
                _end(self._asked)

    @contextmanager
    def deferring(self) -> Iterator[None]:
        """Within the block, SIGINT and SIGTERM wait for the end of the epoch; the second one does not."""
        if self._folder is None:
            yield
            return
        before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}

        def ask(number: int, _frame: FrameType | None) -> None:
            if self._asked:
                _end(signal.Signals(number))
            self._asked = signal.Signals(number)
            log.info("%s: ending after this epoch, to go on from there; once more ends at once", self._asked.name)

        for number in before:
            signal.signal(number, ask)
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
        if self._asked:  # it came in the last epoch, or as the training ended
            _end(self._asked)

    def remove(self) -> None:
        """The training is over, and its results are where they belong."""
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)

    def _save(self, folder: Path) -> None:
        started = time.monotonic()
        state = {
            "epochs": list(map(_shallow, self.epochs)),
            "parts": {name: of.state_dict() for name, of in self._parts.items()},
        }
        try:
            _write(folder, self.epochs[-1].number, state)
        except OSError as error:  # a training that goes on is worth more than its checkpoint
            if error.errno not in NO_ROOM_OR_ACCESS:
                raise
            log.warning("%s: cannot be written: %s. The training goes on without checkpoint", folder, error.strerror)
        self._saved = time.monotonic()
        self._next = _SHARE * (self._saved - started)


def checkpoints_root() -> Path:
    """Where this project has its checkpoints."""
    return project_root() / ".pmtrec" / "checkpoints"


def checkpoints_in(root: Path, name: str, *determining: Any, resume: bool = True) -> Checkpoints:
    """The checkpoints of a training; what is too old or too much of other trainings is removed.

    Args:
        root: Of all checkpoints.
        name: Of the training, for people.
        determining: All that its result depends on, as JSON.
        resume: Whether to go on from one that is there.
    """
    key = hashlib.sha256(json.dumps(determining, sort_keys=True).encode()).hexdigest()[:_DIGITS]
    folder = root / f"{name.replace('/', '-')}-{key}"
    if not resume:
        shutil.rmtree(folder, ignore_errors=True)
    _tidy(root, folder)
    return Checkpoints(folder)


def _end(number: signal.Signals) -> None:
    if number is signal.SIGINT:
        raise KeyboardInterrupt
    sys.exit(128 + number)


def _shallow(epoch: Epoch) -> dict[str, Any]:
    return {**asdict(epoch), "weights": epoch.weights}


def _write(folder: Path, number: int, state: Any) -> None:
    """Beside, flushed, then renamed; the name has the checksum of the bytes."""
    from safetensors.torch import save_file

    folder.mkdir(parents=True, exist_ok=True)
    tensors, rest = split_state(state)
    partial = folder / ".partial"
    save_file(tensors, partial, {"state": json.dumps(rest)})
    with partial.open("rb") as file:
        os.fsync(file.fileno())
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    partial.rename(folder / f"{number:06}-{digest[:_DIGITS]}.safetensors")
    for old in _files(folder)[_KEPT:]:
        old.unlink()


def _newest(folder: Path) -> dict[str, Any] | None:
    """The newest checkpoint whose bytes are those that were written."""
    from safetensors import safe_open

    for path in _files(folder):
        try:
            with path.open("rb") as file:
                whole = hashlib.file_digest(file, "sha256").hexdigest().startswith(path.stem.partition("-")[2])
        except OSError:
            whole = False
        if not whole:
            log.warning("%s: was damaged after it was written, and is not used", path)
            continue
        with safe_open(path, "pt") as file:
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118  # no mapping
            found: dict[str, Any] = joined_state(tensors, json.loads(file.metadata()["state"]))
            return found
    return None


def _files(folder: Path) -> list[Path]:
    """The newest first."""
    return sorted(folder.glob("*.safetensors"), reverse=True)


def _tidy(root: Path, keep: Path) -> None:
    others = [(path.stat().st_mtime, path) for path in root.glob("*") if path != keep and path.is_dir()]
    total = 0
    for changed, path in sorted(others, reverse=True):
        total += sum(file.stat().st_size for file in path.rglob("*"))
        if time.time() - changed > _OLDEST_S or total > _MOST_BYTES:
            shutil.rmtree(path, ignore_errors=True)
