"""The same bytes wherever, whenever and under whatever settings of the machine a project is run."""

import os
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

import pytest

from pipeline.integrity import dvc_hash
from tests.project import Project
from tests.sources import ROOT

WORK = """
import sys
from pathlib import Path
from pipeline.training.device import make_deterministic
from tests.project import Project
make_deterministic(threads=1)
project = Project(Path(sys.argv[1]), sys.argv[2])
project.data()
project.train("pmtrec")
project.evaluate("pmtrec")
"""

ELSEWHERE = {
    "hash seed": {"PYTHONHASHSEED": "7"},
    "locale": {"LC_ALL": "tr_TR.UTF-8", "LANG": "tr_TR.UTF-8"},
    "C locale": {"LC_ALL": "C", "PYTHONUTF8": "0"},
    "time zone": {"TZ": "Asia/Kathmandu"},
    "MLflow away": {"MLFLOW_TRACKING_URI": "http://127.0.0.1:9", "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0"},
    "threads of libraries": {"OMP_NUM_THREADS": "2", "MKL_NUM_THREADS": "2"},
    "no home": {"HOME": "/nonexistent"},
}


def outputs(project: Project, wanted: Iterable[str] = ("processed", "tasks", "models", "results")) -> dict[str, str]:
    """Hashes; only the method that was trained."""
    ends = {"models": "pmtrec", "results": "pmtrec"}
    return {name: dvc_hash(project.root / name / project.dataset / ends.get(name, "")) for name in wanted}


def done(project: Project, **environment: str) -> Project:
    settings = {**os.environ, "PYTHONPATH": str(ROOT), "DVC_ROOT": str(project.root), **environment}
    command = [sys.executable, "-c", WORK, str(project.root), project.dataset]
    run = subprocess.run(command, env=settings, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    return project


@pytest.mark.slow
def test_everything_else_at_once(asked: Project, tmp_path: Path) -> None:
    """A folder with a space and other letters, reached by a link; another time zone, locale, order of hashes."""
    (tmp_path / "ein ördner [1] %20").mkdir()
    (tmp_path / "link").symlink_to("ein ördner [1] %20")
    changed: dict[str, str] = {}
    for name in ("hash seed", "locale", "time zone", "threads of libraries"):
        changed |= ELSEWHERE[name]
    assert outputs(done(Project.in_folder(tmp_path / "link"), **changed)) == outputs(asked)


@pytest.mark.slow
@pytest.mark.parametrize("what", ELSEWHERE)
def test_one_thing_at_a_time(asked: Project, tmp_path: Path, what: str) -> None:
    assert outputs(done(Project.in_folder(tmp_path), **ELSEWHERE[what])) == outputs(asked)
