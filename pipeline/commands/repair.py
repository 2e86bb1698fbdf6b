"""`pmtrec repair` and `pmtrec sync`: what kills, bad disks and servers that were away have left behind is mended."""

import errno
import hashlib
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from pipeline.artifacts import locked, project_root
from pipeline.dvc_lock import restored
from pipeline.errors import InputError, PmtrecError
from pipeline.integrity import MANIFEST, check_folder
from pipeline.terminal.screen import say
from pipeline.tracking.completion import tracked
from pipeline.tracking.own_database import own_database, remove_damaged
from pipeline.tracking.sending import send_left_behind

__all__ = ["repair", "sync"]

_OBJECT = re.compile(r"[0-9a-f]{30}(\.dir)?")
_OUTPUTS = ("data", "models", "costs", "results", "refits", "reports")


def repair() -> None:
    """Mend dvc.lock, DVC's cache, the outputs and the own database of runs; dvc repro makes again what is taken away.

    What may be the only copy is moved, not removed.

    Raises:
        InputError: If this is no project.
        BusyError: If a stage is at work.
    """
    root = project_root()
    if not (root / "dvc.yaml").is_file():
        raise InputError(f"{root}: there is no dvc.yaml here. Fix: go to the folder of a project")
    found = 0
    for line in (*_lock(root), *_cache(root), *_outputs(root), *_database()):
        say(line)
        found += 1
    say(f"{found} thing(s) mended. Next: dvc repro" if found else "nothing is damaged")


def sync() -> None:
    """Send to MLflow what it has missed of runs that have ended.

    Raises:
        MachineError: If it cannot be reached.
    """
    with tracked() as client:
        n_runs = send_left_behind(client)
    say(f"{n_runs} run(s) sent")


def _lock(root: Path) -> Iterator[str]:
    if line := restored(root / "dvc.lock", root / ".pmtrec/dvc.lock"):
        yield line


def _cache(root: Path) -> Iterator[str]:
    """The name of what DVC keeps is its md5."""
    done = subprocess.run([sys.executable, "-m", "dvc", "cache", "dir"], cwd=root, capture_output=True, text=True, check=False)
    if done.returncode:
        raise InputError(f"{root}: dvc: {(done.stderr.strip().splitlines() or ['cannot be run'])[-1]}. Fix: mend it first")
    for path in sorted(Path(done.stdout.strip(), "files/md5").glob("??/*")):
        if _OBJECT.fullmatch(path.name) and not _is_whole(path):  # DVC writes beside, under other names
            yield f"{path}: other bytes than DVC has written: {_set_aside(path, root, path.parent.name + path.name)}"


def _is_whole(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "md5").hexdigest() == path.parent.name + path.name.removesuffix(".dir")
    except FileNotFoundError:  # taken away in the meantime
        return True
    except OSError as error:
        if error.errno != errno.EIO:  # a disk that cannot read it any more
            raise
        return False


def _set_aside(path: Path, root: Path, name: str) -> str:
    """Move what may be the only copy; what was done."""
    aside = root / ".pmtrec" / "damaged"
    aside.mkdir(parents=True, exist_ok=True)
    to = aside / f"{time.time_ns()}-{name}"
    shutil.move(path, to)
    return f"moved to {to.relative_to(root)}"


def _outputs(root: Path) -> Iterator[str]:
    folders = [path.parent for name in _OUTPUTS for path in sorted((root / name).rglob(MANIFEST))]
    for folder in folders:
        try:
            check_folder(folder)
        except PmtrecError as error:
            with locked(folder):
                done = _set_aside(folder, root, "-".join(folder.relative_to(root).parts))
            yield f"{str(error).partition('. Fix:')[0]}: {done}"


def _database() -> Iterator[str]:
    if aside := remove_damaged(own_database()):
        yield f"mlflow.db: cannot be read: moved to {aside.name}; dvc repro -f -s track writes the runs again, from their files"
