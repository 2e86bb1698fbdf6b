"""What stages have left: whole, partial, or other than before."""

import sqlite3
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path
from typing import Any

from pipeline.errors import PmtrecError
from pipeline.integrity import MANIFEST, check_folder

__all__ = ["content_of", "finished_runs", "partial_outputs", "running"]

_RUNS = "SELECT name FROM runs WHERE lifecycle_stage = 'active' AND status = ?"
# Costs depend on the clock; the run of the comparison gets its metrics anew whenever they are compared.
_METRICS = (
    "SELECT name, key, step, value, is_nan, CASE name WHEN 'comparison' THEN 1 ELSE count(*) END "
    "FROM runs JOIN metrics USING (run_uuid) "
    "WHERE lifecycle_stage = 'active' AND status = 'FINISHED' AND key NOT LIKE 'cost/%' "
    "GROUP BY run_uuid, key, step, value, is_nan"
)


def partial_outputs(root: Path, outs: Iterable[str] = ()) -> list[str]:
    """Outputs that are neither whole nor absent.

    Args:
        root: Of the project.
        outs: That a stage writes; any other folder is an output if it has a manifest.
    """
    found = [
        f"{out}: is there, without manifest" for out in outs if (root / out).exists() and not (root / out / MANIFEST).is_file()
    ]
    for manifest in root.rglob(MANIFEST):
        if ".partial" not in str(manifest) and "mlartifacts" not in manifest.parts:
            try:
                check_folder(manifest.parent)
            except PmtrecError as error:
                found.append(str(error))
    return found


def content_of(folder: Path) -> dict[str, bytes]:
    """Relative path -> bytes, of all files below a folder."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def finished_runs(root: Path) -> list[Any]:
    """Names and metrics of the runs that have ended, in the own database; each value of each step, and how often."""
    return [_select(root, _RUNS, "FINISHED"), _select(root, _METRICS)]


def running(root: Path) -> list[str]:
    """Runs that have not ended."""
    return [f"MLflow: {name} is still running" for (name,) in _select(root, _RUNS, "RUNNING")]


def _select(root: Path, what: str, *values: str) -> list[Any]:
    with closing(sqlite3.connect(f"file:{root}/mlflow.db?mode=ro", uri=True)) as connection:
        return sorted(connection.execute(what, values).fetchall(), key=str)
