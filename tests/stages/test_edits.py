"""Params and code that are edited while a pipeline runs."""

import shutil
from pathlib import Path

import pytest

from pipeline import fingerprint
from pipeline.artifacts import dvc_hash, read_json, write_json
from pipeline.errors import InputError, IntegrityError
from pipeline.training.learning import Learned
from pipeline.training.storage import save_learned
from stages import train
from tests.project import Project


def test_a_training_works_by_what_check_wrote_whatever_becomes_of_params_while_it_runs(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    def edit_and_save(folder: Path, learned: Learned, params: dict[str, object]) -> None:
        project.change_params(**{"lr: 5e-3": "lr: 6e-3"})
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
