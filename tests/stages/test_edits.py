"""Params and code that are edited while a pipeline runs."""

import shutil
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

from pipeline import fingerprint, plugins
from pipeline.data.storage import load_tasks
from pipeline.errors import InputError, IntegrityError
from pipeline.integrity import dvc_hash, read_json, write_json
from pipeline.tasks.base import code_of
from pipeline.training.learning import Learned
from pipeline.training.storage import save_learned
from stages import build_tasks, download, evaluate, preprocess, train
from tests.project import Project
from tests.sources import ROOT


def test_a_training_works_by_what_check_wrote_whatever_becomes_of_params_while_it_runs(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    def edit_and_save(folder: Path, learned: Learned, params: dict[str, object]) -> None:
        project.change_params(**{"  lr:  #": "  lr: 6e-3  #"})
        save_learned(folder, learned, params)

    monkeypatch.setattr(train, "save_learned", edit_and_save)
    model = project.root / "models/demo/pmtrec/0"
    before = dvc_hash(model)
    shutil.rmtree(model)
    assert dvc_hash(project.train("pmtrec")) == before


def test_code_that_was_modified_since_check_is_refused_before_it_works(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as before:
        before.setattr(fingerprint, "_digest", lambda _: "0" * 64)
        project.check()
    shutil.rmtree(project.root / "models/demo/pmtrec/0")
    for work, stage in ((lambda: project.train("pmtrec"), "train"), (lambda: project.evaluate("pmtrec"), "evaluate")):
        with pytest.raises(InputError) as refused:
            work()
        expected = f"stages.{stage}: code was modified after `check` recorded it. Fix: run dvc repro again"
        assert str(refused.value) == expected
    assert not (project.root / "models/demo/pmtrec/0").exists()


def test_what_check_wrote_is_held_against_its_checksum(project: Project) -> None:
    path = project.root / "checked/demo/methods/pmtrec.json"
    write_json(path, read_json(path) | {"kind": "baselines"})
    with pytest.raises(IntegrityError, match="was modified or corrupted after it was written"):
        project.train("pmtrec")


AT_WORK = """
import sys
from stages import {0}
{0}.main(sys.argv[1:])
print(*(name for name, of in sys.modules.items() if name.split(".")[0] in ("pipeline", "stages") and of.__file__))
"""


@pytest.mark.parametrize(
    ("stage", "checked"),
    [
        (download, "demo/download.json"),
        (preprocess, "demo/preprocess.json"),
        (build_tasks, "demo/build_tasks.json"),
        (train, "demo/methods/pmtrec.json"),
        (evaluate, "evaluate.json"),
    ],
)
def test_all_that_a_stage_has_loaded_when_it_has_worked_is_counted(
    project: Project, monkeypatch: pytest.MonkeyPatch, stage: ModuleType, checked: str
) -> None:
    """In a process of its own: which plug-ins it loads by name is seen nowhere but there."""
    name = stage.__name__.removeprefix("stages.")
    loaded: set[str] = set()

    def in_a_process(arguments: list[str]) -> None:
        command = [sys.executable, "-c", AT_WORK.format(name), *arguments]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
        loaded.update(done.stdout.split())

    monkeypatch.setattr(stage, "main", in_a_process)
    if name in ("train", "evaluate"):
        getattr(project, name)("pmtrec")
    else:
        project.data()
    counted = fingerprint.closure(*read_json(project.root / "checked" / checked)["code"]["modules"])
    if stage is train:  # the code of the tasks is in their data
        kinds = {task.kind for task in load_tasks(project.root / "tasks/demo", code_of)}
        counted |= fingerprint.closure(*(plugins.module_of("tasks", kind) for kind in kinds))
    neutral = {module for module in loaded if module.startswith(fingerprint.NEUTRAL)}
    assert f"stages.{name}" in loaded
    assert loaded - neutral - counted == set()
