"""dvc.yaml: every file that a stage uses is among its deps, and the commands are those that the stages understand."""

import importlib
import shlex
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from pipeline import plugins
from tests.sources import ROOT, project_files, with_imports

STAGES: dict[str, dict[str, Any]] = YAML(typ="safe", pure=True).load(ROOT / "dvc.yaml")["stages"]

# Kinds of plug-ins that a stage loads by name and whose folders are among its deps.
LOADED: dict[str, list[str]] = {
    "check": [],  # runs every time
    "download": [],  # the data set by data/checked/, which holds its checksums
    "preprocess": [],
    "build_tasks": ["tasks"],
    "train": [],  # rule, encoder and loss by data/checked/, which holds their checksums
    "evaluate": ["metrics"],
    "track": [],
    "compare": [],
}


def test_every_stage_is_covered() -> None:
    modules = {Path(path).stem for path in project_files() if path.startswith("stages/")}
    assert set(LOADED) == set(STAGES) == modules - {"_fork", "_stage", "inspect_data", "repro", "tune"}


@pytest.mark.parametrize("stage", STAGES)
def test_deps_are_complete(stage: str) -> None:
    if STAGES[stage].get("always_changed"):
        return
    deps = set(STAGES[stage]["deps"])
    for kind in LOADED[stage]:
        plug_ins = [f"pipeline/{kind}/{name}.py" for name in plugins.names(kind)]
        assert f"pipeline/{kind}" in deps
        needed = with_imports(plug_ins) - set(plug_ins)
        assert {path for path in needed if not covered(path, deps)} == set()
    assert {path for path in with_imports([f"stages/{stage}.py"]) if not covered(path, deps)} == set()


@pytest.mark.parametrize("stage", STAGES)
def test_deps_name_nothing_that_is_not_there(stage: str) -> None:
    code = [dep for dep in STAGES[stage].get("deps", []) if dep.startswith(("pipeline", "stages")) and "$" not in dep]
    assert [dep for dep in code if not (ROOT / dep).exists()] == []


@pytest.mark.parametrize("stage", STAGES)
def test_a_killed_dvc_leaves_no_shell_behind(stage: str) -> None:
    assert STAGES[stage]["cmd"].startswith("exec ")
    assert f" python -m stages.{stage} " in STAGES[stage]["cmd"]


@pytest.mark.parametrize("stage", STAGES)
def test_the_command_is_what_the_stage_understands(stage: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Every option of the command is in the stage's help, and none that the stage needs is missing."""
    with pytest.raises(SystemExit):
        importlib.import_module(f"stages.{stage}").main(["--help"])
    known = {word.strip("[],") for word in capsys.readouterr().out.split() if word.startswith("--")} - {"--help"}
    assert {word for word in shlex.split(STAGES[stage]["cmd"]) if word.startswith("--")} == known


def covered(path: str, deps: set[str]) -> bool:
    return path in deps or any(parent.as_posix() in deps for parent in Path(path).parents)
