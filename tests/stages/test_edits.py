"""Params and plug-ins that are edited while a pipeline runs."""

import json
import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import save

from pipeline import plugins
from pipeline.errors import InputError
from pipeline.files import dvc_hash
from stages import download, evaluate, train
from tests.project import Project


def test_a_training_works_by_what_check_wrote_whatever_becomes_of_params_while_it_runs(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    def edit_and_save(tensors: dict[str, torch.Tensor]) -> bytes:
        if "lr: 5e-3" in (project.root / "params.yaml").read_text():
            project.change_params(**{"lr: 5e-3": "lr: 6e-3"})
        return save(tensors)

    monkeypatch.setattr(train, "save", edit_and_save)
    model = project.root / "models/demo/pmtrec/0"
    before = dvc_hash(model)
    shutil.rmtree(model)
    assert dvc_hash(project.train("pmtrec")) == before


def test_a_plug_in_that_was_edited_since_check_is_refused_before_it_trains(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as before:
        before.setattr(plugins, "sources", lambda _, name: {f"{name}.py": "0" * 64})
        project.check()
    shutil.rmtree(project.root / "models/demo/pmtrec/0")
    with pytest.raises(InputError, match=r"combiners/pmtrec\.py: is not as it was when the stage check read it"):
        project.train("pmtrec")
    assert not (project.root / "models/demo/pmtrec/0").exists()
    with pytest.raises(InputError, match=r"datasets/demo\.py: is not as it was .* Fix: run dvc repro, whose stage check reads"):
        project.run(download.main, record="checked/demo/download.json", out="raw")


def test_params_that_change_while_a_stage_reads_them(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """DVC would note the new value for an output of the old one."""

    def edit_and_write(path: Path, content: object) -> None:
        project.change_params(**{"cutoffs: [10, 20]": "cutoffs: [10, 20, 30]"})
        path.write_text(json.dumps(content))

    monkeypatch.setattr(evaluate, "write_json", edit_and_write)
    result = project.root / "results/demo/pmtrec/0"
    shutil.rmtree(result)
    with pytest.raises(InputError, match="was changed while the stage ran, so its output is thrown away"):
        project.evaluate("pmtrec")
    assert not result.exists()
