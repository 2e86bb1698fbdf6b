import os
import re
import shutil
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import optuna
import pytest
import sqlalchemy
from mlflow import MlflowClient

from pipeline.commands.tune import tune
from pipeline.config.run_config import read_config
from pipeline.errors import ParamsError
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


@pytest.mark.slow
def test_two_commands_search_in_one_database_and_a_killed_one_is_gone_on_with(tmp_path: Path) -> None:
    """Each trial is of one of them; what the killed one had begun is done again, and nothing is a defect."""
    project = Project.in_folder(tmp_path, epochs=2)
    project.change_params(**{"- single_task\n- equal_weights\n- pmtrec\n": "- pmtrec\n", "trials: 10": "trials: 4"})
    project.data()
    project.as_data_folder()
    settings = os.environ | {"PYTHONPATH": str(ROOT), "DVC_ROOT": str(tmp_path)}
    command = [sys.executable, "-m", "pipeline.commands.main", "tune"]

    def started() -> "subprocess.Popen[str]":
        return subprocess.Popen(
            command, cwd=tmp_path, env=settings, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )

    with started() as killed:
        while not any("process" in trial.user_attrs for trial in _trials(tmp_path)):
            assert killed.poll() is None
            time.sleep(0.05)
        killed.kill()
    with started() as one, started() as other:
        said = [process.communicate()[0] for process in (one, other)]
    assert [one.returncode, other.returncode] == [0, 0], said
    states = Counter(str(trial.state.name) for trial in _trials(tmp_path))
    assert states["FAIL"] <= 1
    assert states["RUNNING"] == 0
    assert states["COMPLETE"] + states["PRUNED"] in (4, 5), "the last of each may come at the same time"
    values = [str(sorted(trial.params.items())) for trial in _trials(tmp_path) if trial.state.name != "FAIL"]
    assert len(set(values)) == len(values), "no point is tried twice"


def _trials(folder: Path) -> list[optuna.trial.FrozenTrial]:
    if not (folder / "tuning.db").is_file():
        return []
    storage = f"sqlite:///{folder}/tuning.db"
    try:
        (study,) = optuna.get_all_study_summaries(storage)
    except (ValueError, sqlalchemy.exc.OperationalError, RuntimeError):  # not yet made
        return []
    return optuna.load_study(study_name=study.study_name, storage=storage).trials


def test_what_params_names_is_not_searched_in_vain(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    project = Project.in_folder(tmp_path)
    project.change_params(**{"  lr:  #": "  lr: 0.02  #"})
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ParamsError, match=r"train.lr is 0.02 here, which would win .* Fix: write null, or remove the key"):
        tune([], 1, "sqlite://")


@pytest.mark.slow
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
