"""With a defect that is put in for it, each kind of fault finds a loss: a harness that cannot fail would show nothing."""

import os
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest

from pipeline import integrity
from pipeline.errors import MachineError
from tests.faults import state_files
from tests.faults.dvc_kills import dvc_kills
from tests.faults.failing_calls import failing_calls
from tests.faults.flips import flips
from tests.faults.kills import kills
from tests.faults.machines import can_mount, machines
from tests.faults.pairs import pairs
from tests.faults.rig import Rig
from tests.faults.states import states
from tests.project import Project
from tests.sources import ROOT

# What a process of Python runs first, before anything of ours.
DEAF = """
import signal
of = signal.signal
signal.signal = lambda number, handler: of(number, signal.SIG_IGN if number == signal.SIGINT else handler)
signal.signal(signal.SIGINT, None)
"""
IN_PLACE = """
import pipeline.artifacts as artifacts
from contextlib import contextmanager
whole = artifacts.new_folder

@contextmanager
def new_folder(final, *options, **named):
    final.mkdir(parents=True)
    (final / "begun").touch()
    with whole(final, *options, **named) as folder:
        yield folder

artifacts.new_folder = new_folder
"""
WITHOUT_LOCKS = "import fcntl; fcntl.flock = lambda *_: None"
ALONE = "import pipeline.terminal.parent as parent; parent.end_with_parent = lambda *_: None; parent.os.getppid = lambda: 0"
SILENT = "import sys; sys.stderr.write = lambda text: len(text)"


def losses(tried: Iterable[tuple[str, str, list[str]]]) -> list[str]:
    return [one for _, _, wrong in tried for one in wrong]


@pytest.fixture
def defect(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], str]:
    """Put one into processes that are started from now on; the path on which they find it."""

    def put(code: str) -> str:
        folder = tmp_path_factory.mktemp("defect")
        (folder / "sitecustomize.py").write_text(code)
        monkeypatch.setenv("PYTHONPATH", str(folder))
        return f"{folder}{os.pathsep}{ROOT}"

    return put


@pytest.mark.slow
@pytest.mark.parametrize(("code", "said"), [(DEAF, "ended with 0"), (IN_PLACE, "without manifest")], ids=["deaf", "in_place"])
def test_kills(tmp_path: Path, defect: Callable[[str], str], code: str, said: str) -> None:
    rig = Rig(tmp_path)
    rig.known = [step for step in rig.known if step.name.startswith("train")]
    rig.project.variables["PYTHONPATH"] = defect(code)
    assert any(said in one for one in losses(kills(rig, 6, seed=0)))


@pytest.mark.slow
def test_pairs(tmp_path: Path, defect: Callable[[str], str]) -> None:
    rig = Rig(tmp_path)
    rig.project.variables["PYTHONPATH"] = defect(WITHOUT_LOCKS)
    assert losses(pairs(rig, 14, seed=0))


@pytest.mark.slow
def test_dvc_kills(tmp_path: Path, defect: Callable[[str], str]) -> None:
    defect(ALONE)
    assert any("go on" in one for one in losses(dvc_kills(tmp_path, 6, seed=0)))


@pytest.mark.slow
@pytest.mark.skipif(not can_mount(), reason="file systems are mounted, which this user may not: unshare -rm pytest ...")
def test_machines(tmp_path: Path, defect: Callable[[str], str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Rig, "__init__", _with_defect(Rig.__init__, defect, SILENT))
    assert any("and said ''" in one for one in losses(machines(tmp_path, 14, seed=0)))


def _with_defect(make: Callable[..., None], defect: Callable[[str], str], code: str) -> Callable[..., None]:
    def made(rig: Rig, *options: object, **named: object) -> None:
        make(rig, *options, **named)
        rig.project.variables["PYTHONPATH"] = defect(code)

    return made


def test_a_call_that_fails(asked: Project, tmp_path: Path) -> None:
    project = asked.copy_to(tmp_path, without=["data"])
    out = project.root / project.model("pmtrec")

    def in_place() -> None:
        for name in ("one", "two"):
            (out / name).unlink(missing_ok=True)
            (out / name).write_text(name)
            os.fsync(os.open(out / name, os.O_RDONLY))

    in_place()
    assert any(
        "manifest" in one for one in losses(failing_calls(project, {"train": (in_place, [project.model("pmtrec")])}, 5, 0))
    )


def test_flips(asked: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    project = asked.copy_to(tmp_path, without=["data"])
    monkeypatch.setattr(integrity, "digest", _what_was_written(integrity.digest))
    assert losses(flips(project, asked.root, 40, seed=0))


def _what_was_written(digest: Callable[[Path, str], str]) -> Callable[[Path, str], str]:
    def as_listed(path: Path, algorithm: str) -> str:
        for folder in path.parents:
            if algorithm == "sha256" and (folder / integrity.MANIFEST).is_file():
                listed = integrity.read_json(folder / integrity.MANIFEST)["sha256"]
                return str(listed.get(path.relative_to(folder).as_posix()))
        return digest(path, algorithm)

    return as_listed


@pytest.mark.parametrize(("kind", "name"), [("dvc.lock", "restored"), ("params.yaml", "read_config")])
def test_states(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str, name: str) -> None:
    def useless(*_: object) -> None:
        raise MachineError("something is wrong")

    monkeypatch.setattr(state_files, name, useless)
    assert losses(states(tmp_path, 5, seed=0, kinds=[kind]))
