"""With a defect that is put in for it, each kind of fault finds a loss: a harness that cannot fail would show nothing."""

import os
from collections.abc import Callable, Iterable
from pathlib import Path
from unittest.mock import Mock

import pytest

from pipeline import integrity
from tests.faults.dvc_kills import dvc_kills
from tests.faults.failing_calls import failing_calls
from tests.faults.flips import flips
from tests.faults.kills import kills
from tests.faults.machines import can_mount, machines
from tests.faults.outputs import partial_outputs
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
    assert any("ended with" in one for one in losses(pairs(rig, 14, seed=0)))


@pytest.mark.slow
def test_dvc_kills(tmp_path: Path, defect: Callable[[str], str]) -> None:
    defect(ALONE)
    assert any("was finished all the same" in one for one in losses(dvc_kills(tmp_path, 6, seed=0)))


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
    history = project.root / project.model("pmtrec") / "history.csv"
    content = history.read_bytes()

    def in_place() -> None:
        with history.open("wb") as file:
            os.fsync(file.fileno())
            file.write(content)

    in_place()
    assert not partial_outputs(project.root)
    found = losses(failing_calls(project, {"train": (in_place, [project.model("pmtrec")])}, 10, seed=0))
    assert any("history.csv: was modified or corrupted" in one for one in found)


def test_flips(asked: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    project = asked.copy_to(tmp_path, without=["data"])
    monkeypatch.setattr(integrity, "digest", _what_was_written(integrity.digest))
    found = losses(flips(project, asked.root, 40, seed=0))
    assert any("other bytes" in one or "Error: " in one for one in found)


def _what_was_written(digest: Callable[[Path, str], str]) -> Callable[[Path, str], str]:
    def as_listed(path: Path, algorithm: str) -> str:
        for folder in path.parents:
            if algorithm == "sha256" and (folder / integrity.MANIFEST).is_file():
                listed = integrity.read_json(folder / integrity.MANIFEST)["sha256"]
                return str(listed.get(path.relative_to(folder).as_posix()))
        return digest(path, algorithm)

    return as_listed


@pytest.mark.parametrize(
    ("kind", "defect", "said"),
    [
        ("checkpoints", ("pipeline.training.checkpoint.hashlib.file_digest", lambda *_: Mock(hexdigest=Anything)), "Error: "),
        ("journals", ("pipeline.tracking.journal._sum", lambda _: Anything()), "Error: "),
        ("dvc.lock", ("tests.faults.state_files.restored", lambda *_: ""), "dvc.lock: is damaged"),
        (
            "params.yaml",
            ("tests.faults.state_files.read_config", lambda path: path.read_text().splitlines()[1000]),
            "IndexError",
        ),
    ],
)
def test_states(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str, defect: tuple[str, Callable[..., object]], said: str
) -> None:
    monkeypatch.setattr(*defect)
    assert any(said in one for one in losses(states(tmp_path, 20, seed=0, kinds=[kind])))


class Anything(str):
    """A checksum that every other one equals."""

    __slots__ = ()
    __hash__ = str.__hash__

    def __eq__(self, _: object) -> bool:
        return True

    def startswith(self, *_: object) -> bool:
        return True
