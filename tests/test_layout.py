"""The shape of the code: imports point one way, modules stay small, only the modules of tracking import mlflow."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from tests.sources import ROOT, imported_modules, project_files

PLUG_INS = ("baselines", "combiners", "datasets", "encoders", "losses", "metrics", "tasks")


def layer(path: str) -> str:
    """stages, library (pipeline/*.py), data, or the kind of a plug-in."""
    parts = Path(path).parts
    return parts[0] if parts[0] == "stages" else ("library" if len(parts) == 2 else parts[1])


@pytest.mark.parametrize("path", project_files())
def test_imports_point_one_way(path: str) -> None:
    """Stages -> library -> plug-ins -> data types; plug-ins see their own ``_`` modules and never each other."""
    basics = {
        "pipeline/compiling.py",
        "pipeline/errors.py",
        "pipeline/kernels.py",
        "pipeline/section.py",
        "pipeline/seeding.py",
    }
    for imported in imported_modules(path) - basics:
        here, there = layer(path), layer(imported)
        assert there != "stages" or here == "stages"
        if here == "data":
            assert there == "data", f"{path} -> {imported}"
        elif here in PLUG_INS:
            own = there == here and Path(imported).name.startswith("_")
            assert own or (there == "data" and here not in ("combiners", "metrics")), f"{path} -> {imported}"


@pytest.mark.parametrize("path", project_files())
def test_only_tracking_imports_mlflow(path: str) -> None:
    names = {
        name
        for node in ast.walk(ast.parse((ROOT / path).read_text()))
        for name in (
            [alias.name for alias in node.names]
            if isinstance(node, ast.Import)
            else [node.module or ""]
            if isinstance(node, ast.ImportFrom)
            else []
        )
    }
    tracking = {f"pipeline/{name}.py" for name in ("tracking", "tracking_store", "run_families")}
    assert path in tracking or not any(name.split(".")[0] == "mlflow" for name in names)


@pytest.mark.parametrize("path", project_files())
def test_one_idea_per_file(path: str) -> None:
    limit = 80 if path.startswith("stages/") else 300
    assert len((ROOT / path).read_text().splitlines()) <= limit


def test_package_files_hold_a_docstring_alone() -> None:
    """So that no stage depends on one without saying so in dvc.yaml."""
    for path in [*ROOT.glob("pipeline/**/__init__.py"), ROOT / "stages/__init__.py"]:
        (only,) = ast.parse(path.read_text()).body
        assert isinstance(only, ast.Expr)


def test_the_training_core_needs_torch_numpy_and_pandas_alone() -> None:
    """It can be carried to a machine with a GPU and nothing else."""
    code = """
import sys
for absent in ("mlflow", "dvc", "pyarrow", "pydantic", "ruamel", "fsspec", "safetensors", "tqdm", "matplotlib", "scipy"):
    sys.modules[absent] = None
for absent in ("numba", "torchjd"):
    sys.modules[absent] = None
import pipeline.training, pipeline.encoders.mf, pipeline.encoders.lightgcn, pipeline.losses.bpr
from pipeline import plugins
for rule in plugins.names("combiners"):
    plugins.load("combiners", rule)
"""
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)
