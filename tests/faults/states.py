"""Flipped bits and cuts in what is kept beside the outputs: refused or left out by name, or made anew."""

import random
import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path

from tests.faults.flips import damage
from tests.faults.state_commands import CompiledLoops, RunDatabase, TrialDatabase
from tests.faults.state_files import CheckpointFiles, JournalFiles, LockFile, ParamsFile, State

__all__ = ["states"]

_KINDS = {
    "checkpoints": (CheckpointFiles, 30),
    "journals": (JournalFiles, 25),
    "dvc.lock": (LockFile, 15),
    "params.yaml": (ParamsFile, 15),
    "mlflow.db": (RunDatabase, 5),
    "tuning.db": (TrialDatabase, 5),
    "compiled loops": (CompiledLoops, 5),
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
    made: dict[str, State] = {}
    for name in kinds:
        (folder := scratch / name).mkdir()
        made[name] = _KINDS[name][0](folder)
        shutil.copytree(folder, scratch / f"{name}, whole", symlinks=True)
    for name in draw.choices(list(made), [_KINDS[name][1] for name in made], k=n_flips):
        state = made[name]
        file = draw.choice(state.files())
        what = damage(draw, file, file.read_bytes())
        try:
            wrong = state.wrong()
        except Exception as error:  # noqa: BLE001  # the very thing that is looked for
            wrong = [f"{type(error).__name__}: {error}"]
        shutil.rmtree(state.folder)
        shutil.copytree(scratch / f"{name}, whole", state.folder, symlinks=True)
        yield name, what, [f"{file.name}: {one}" for one in wrong]
