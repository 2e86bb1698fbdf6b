"""dvc.yaml: the commands are those that the stages understand, and what a stage reads is among its deps."""

import importlib
import shlex
from typing import Any

import pytest
from ruamel.yaml import YAML

from tests.sources import ROOT, project_files

STAGES: dict[str, dict[str, Any]] = YAML(typ="safe", pure=True).load(ROOT / "dvc.yaml")["stages"]


def test_every_stage_is_here() -> None:
    modules = {path.removeprefix("stages/").removesuffix(".py") for path in project_files() if path.startswith("stages/")}
    assert {name for name in modules if not name.startswith("_")} == set(STAGES)


@pytest.mark.parametrize("stage", sorted(set(STAGES) - {"check"}))
def test_what_a_stage_reads_is_among_its_deps(stage: str) -> None:
    """But for params.yaml and dvc.lock, which are only attached, and what is known by its hash in a file that is one."""
    words = shlex.split(STAGES[stage]["cmd"])
    paths = {words[place]: words[place + 1] for place in range(len(words) - 1) if words[place].startswith("--")}
    beside = {"--out", "--costs", "--params", "--lock", "--dataset", "--method", "--seed"}
    if "--listed" in paths:
        beside |= {"--processed", "--tasks", "--models", "--results"}
    else:
        beside -= {"--costs"} if stage == "collect" else set()
    assert {path for name, path in paths.items() if name not in beside} == set(STAGES[stage]["deps"])
    outs = {paths[name] for name in ("--out", "--costs") if name in paths and paths[name] not in STAGES[stage].get("deps", [])}
    assert set(STAGES[stage].get("outs", [])) == outs - ({"costs"} if "--listed" in paths else set())


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
