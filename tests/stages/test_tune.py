import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from mlflow import MlflowClient

from pipeline.artifacts import locked
from pipeline.commands.tune import tune
from pipeline.config.run_config import read_config
from pipeline.errors import BusyError, ParamsError
from tests.project import Project
from tests.sources import ROOT

STAGES = next(line for line in (ROOT / "params.yaml").read_text().splitlines(True) if line.startswith("  stages: []"))


def test_what_is_found_stands_in_params_and_every_trial_in_mlflow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.setenv("DVC_ROOT", str(tmp_path))
    project = Project.in_folder(tmp_path)
    project.change_params(**{"- equal_weights\n- pmtrec\n": "- ease\n", "trials: 10": "trials: 2"})
    project.data()
    before = (tmp_path / "params.yaml").read_text()
    project.as_data_folder()
    monkeypatch.chdir(tmp_path)
    tune([], 1, f"sqlite:///{tmp_path}/tuning.db")

    assert (tmp_path / "params.yaml").read_text() == before
    found_file = tmp_path / "settings/tuned/demo/ease.yaml"
    text = found_file.read_text()
    assert re.match(r"# Found by `pmtrec tune`: NDCG@20 0\.\d{4} on validation, the best of 2 trials\.\n", text)
    found = read_config(tmp_path / "params.yaml").resolved("demo", "ease")
    client = MlflowClient(f"sqlite:///{tmp_path}/mlflow.db")
    (experiment,) = [e for e in client.search_experiments() if e.name == "pmtrec-demo"]
    runs = {run.info.run_name: run for run in client.search_runs([experiment.experiment_id])}
    assert set(runs) == {f"tune/{name}" for m in ("single_task", "ease") for name in (m, f"{m}/0", f"{m}/1")}
    parent = runs["tune/ease"]
    assert parent.data.tags["best.baselines.ease.l2"] == str(found.baselines["ease"]["l2"])
    found_by = []
    for number in (0, 1):
        child = runs[f"tune/ease/{number}"]
        assert child.data.tags["mlflow.parentRunId"] == parent.info.run_id
        found_by.append(child.data.metrics["valid/ndcg_at_20"])
    assert max(found_by) == float(parent.data.tags["best.valid_ndcg"]) > 0

    tune([], 1, f"sqlite:///{tmp_path}/tuning.db")
    assert found_file.read_text() == text
    assert len(client.search_runs([experiment.experiment_id])) == len(runs), "a second search finds all trials done"


def test_a_second_search_at_once_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Project.in_folder(tmp_path)
    monkeypatch.chdir(tmp_path)
    with locked(tmp_path / "params.yaml"), pytest.raises(BusyError, match="another process is writing it"):
        tune([], 1, "sqlite://")


def test_what_params_names_is_not_searched_in_vain(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    project = Project.in_folder(tmp_path)
    project.change_params(**{"  lr:  #": "  lr: 0.02  #"})
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ParamsError, match=r"train.lr is 0.02 here, which would win .* Fix: write null, or remove the key"):
        tune([], 1, "sqlite://")


def test_two_searches_side_by_side_find_what_one_after_the_other_finds(tmp_path: Path) -> None:
    """In stages, over a grid; the results are written by the one process that started both.

    In a process of its own: what a test before has done to this one's ``sys.path`` would be passed on to those that it starts.
    """
    project = Project.in_folder(tmp_path, epochs=1)
    space = """  space:
    train.lr: {choices: [1e-2, 1e-3]}
  methods:
    pmtrec:
      combiners.pmtrec.tau: {choices: [1, 1e-3]}
"""
    stages = "  stages: [[train.lr], [combiners.pmtrec.tau]]\n"
    project.change_params(**{"trials: 10": "trials: 3", "sampler: tpe ": "sampler: grid ", STAGES: stages + space})
    project.data()
    before = (tmp_path / "params.yaml").read_text()
    found = []
    for jobs in ("1", "2"):
        shutil.rmtree(tmp_path / "settings", ignore_errors=True)
        (tmp_path / "params.yaml").write_text(before)
        project.as_data_folder()
        options = ["--storage", f"sqlite:///{tmp_path}/{jobs}.db", "--jobs", jobs, "pmtrec", "single_task"]
        command = [sys.executable, "-m", "pipeline.commands.main", "tune", *options]
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        assert "trial 2 of 2, best 0." in done.stderr or jobs == "2"
        config = read_config(tmp_path / "params.yaml")
        found.append({method: config.tuned("demo", method) for method in ("pmtrec", "single_task")})
    assert found[0] == found[1]
    assert set(found[0]) == {"pmtrec", "single_task"}
    assert set(found[0]["pmtrec"]["combiners"]["pmtrec"]) == {"tau"}


def test_a_method_that_is_not_there_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Project.in_folder(tmp_path)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ParamsError, match=r"tune: there is no method .pmtrek.\. Fix: write .pmtrec."):
        tune(["pmtrek"], 1, "sqlite://")
