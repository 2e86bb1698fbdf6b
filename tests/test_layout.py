"""The shape of the code: rooms on floors, small modules, MLflow in one room."""

import ast
import statistics
import subprocess
import sys

import pytest

from pipeline import fingerprint, plugins
from tests.sources import FLOORS, ROOT, arrows, imported_modules, module_of, project_files, room_of

FLOOR = {room: number for number, rooms in enumerate(FLOORS) for room in rooms}


def test_every_room_is_on_a_floor() -> None:
    assert {room_of(module_of(path)) for path in project_files()} == set(FLOOR)


@pytest.mark.parametrize(("here", "there"), arrows(), ids=str)
def test_imports_point_down(here: str, there: str) -> None:
    assert FLOOR[there] > FLOOR[here]


@pytest.mark.parametrize("path", project_files())
def test_what_begins_with_an_underscore_stays_in_its_room(path: str) -> None:
    private = [module for module in imported_modules(path) if module.rpartition(".")[2].startswith("_")]
    assert [module for module in private if room_of(module) != room_of(module_of(path))] == []


def test_only_the_stages_before_the_work_know_the_configuration() -> None:
    """It is not in the fingerprint of what it configures: the library takes plain arguments."""
    users = {path for path in project_files() for module in imported_modules(path) if room_of(module) == "config"}
    beside = {path for path in users if not path.startswith("pipeline/config/")}
    assert {path for path in beside if not path.startswith("pipeline/commands/")} == {"stages/check.py"}


def test_plug_ins_import_nothing_that_a_fingerprint_leaves_out() -> None:
    found = {
        (path, module)
        for path in project_files()
        if path.split("/")[1] in plugins.KINDS
        for module in imported_modules(path)
        if module.startswith(tuple(fingerprint.NEUTRAL)) and module not in ("pipeline.errors", "pipeline.fingerprint")
    }
    assert found == set()


@pytest.mark.parametrize("path", [path for path in project_files() if not path.startswith("pipeline/tracking/")])
def test_only_the_room_tracking_imports_mlflow(path: str) -> None:
    nodes = list(ast.walk(ast.parse((ROOT / path).read_text())))
    names = [alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names]
    names += [node.module or "" for node in nodes if isinstance(node, ast.ImportFrom)]
    assert not [name for name in names if name.split(".")[0] == "mlflow"]


def test_one_idea_per_file() -> None:
    lengths = {path: len((ROOT / path).read_text().splitlines()) for path in project_files()}
    assert {path: n for path, n in lengths.items() if n > (80 if path.startswith("stages/") else 300)} == {}
    assert statistics.median(lengths.values()) < 100


def test_every_room_says_what_lives_in_it() -> None:
    """Its package file holds a docstring alone, so that importing a part of a room imports no other.

    That of the stages is the first thing that a stage runs, and also says what to do when DVC ends.
    """
    for path in [*ROOT.glob("pipeline/**/__init__.py"), ROOT / "stages/__init__.py"]:
        only, *others = ast.parse(path.read_text()).body
        assert isinstance(only, ast.Expr)
        assert not others or path.parent.name == "stages"
        assert len(ast.literal_eval(only.value)) > 60, path


def test_the_training_core_needs_torch_numpy_and_pandas_alone() -> None:
    """It can be carried to a machine with a GPU and nothing else."""
    code = """
import sys
for absent in ("mlflow", "dvc", "pyarrow", "pydantic", "ruamel", "fsspec", "safetensors", "tqdm", "matplotlib", "scipy"):
    sys.modules[absent] = None
for absent in ("numba", "torchjd"):
    sys.modules[absent] = None
import pipeline.training.learning
from pipeline import plugins
for kind in ("combiners", "encoders", "losses", "optimizers", "metrics"):
    for name in plugins.names(kind):
        plugins.load(kind, name)
"""
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)


@pytest.mark.parametrize("stage", ["download", "preprocess", "build_tasks"])
def test_a_stage_before_training_does_not_wait_for_torch(stage: str) -> None:
    code = f"""
import sys
sys.modules["torch"] = None
import stages.{stage}
from pipeline import plugins
for kind in ("tasks", "datasets"):
    for name in plugins.names(kind):
        plugins.load(kind, name)
"""
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)
