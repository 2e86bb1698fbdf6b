import difflib
import subprocess
import sys
from pathlib import Path

import pytest
from mlflow import MlflowClient

from pipeline.artifacts import locked
from pipeline.config.run_config import read_config
from pipeline.errors import BusyError, ParamsError
from stages import tune
from tests.project import Project
from tests.sources import ROOT


def test_what_is_found_stands_in_params_and_every_trial_in_mlflow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.setenv("DVC_ROOT", str(tmp_path))
    project = Project.in_folder(tmp_path)
    project.change_params(**{"  - equal_weights\n  - pmtrec\n": "  - ease\n", "trials: 10": "trials: 2"})
    project.data()
    before = (tmp_path / "params.yaml").read_text()
    storage = ["--storage", f"sqlite:///{tmp_path}/tuning.db"]
    project.run(tune.main, *storage, params="params.yaml", processed="processed", tasks="tasks")

    text = (tmp_path / "params.yaml").read_text()
    assert not [line for line in difflib.ndiff(before.splitlines(), text.splitlines()) if line.startswith("- ")], "all stays"
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

    project.run(tune.main, *storage, params="params.yaml", processed="processed", tasks="tasks")
    assert (tmp_path / "params.yaml").read_text() == text
    assert len(client.search_runs([experiment.experiment_id])) == len(runs), "a second search finds all trials done"


def test_a_second_search_at_once_is_refused(tmp_path: Path) -> None:
    project = Project.in_folder(tmp_path)
    with locked(tmp_path / "params.yaml"), pytest.raises(BusyError, match="another process is writing it"):
        project.run(tune.main, "--storage", "sqlite://", params="params.yaml", processed="processed", tasks="tasks")


def test_two_searches_side_by_side_find_what_one_after_the_other_finds(tmp_path: Path) -> None:
    """In stages, over a grid; the results are written by the one process that started both.

    In a process of its own: what a test before has done to this one's ``sys.path`` would be passed on to those that it starts.
    """
    project = Project.in_folder(tmp_path, epochs=1)
    project.change_params(
        **{
            "trials: 10": "trials: 3",
            "sampler: tpe ": "sampler: grid ",
            "stages: []": "stages: [[train.lr], [combiners.pmtrec.tau]]",
            "train.lr: {low: 1e-3, high: 2e-2, log: true}": "train.lr: {choices: [1e-2, 1e-3]}",
            "    losses.sampled_softmax.temperature: {low: 0.08, high: 0.5, log: true}\n": "",
            "combiners.pmtrec.alpha: {low: 1.0, high: 1.2}": "combiners.pmtrec.tau: {choices: [1, 1e-3]}",
            "      combiners.pmtrec.tau: {low: 1e-6, high: 10, log: true}\n": "",
        }
    )
    project.data()
    before = (tmp_path / "params.yaml").read_text()
    found = []
    for jobs in ("1", "2"):
        (tmp_path / "params.yaml").write_text(before)
        options = ["--storage", f"sqlite:///{tmp_path}/{jobs}.db", "--jobs", jobs, "--methods", "pmtrec", "single_task"]
        paths = [part for name in ("processed", "tasks") for part in (f"--{name}", str(tmp_path / name))]
        command = [sys.executable, "-m", "stages.tune", "--params", str(tmp_path / "params.yaml"), *paths, *options]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        found.append(read_config(tmp_path / "params.yaml").overrides["demo"].methods)
    assert found[0] == found[1]
    assert set(found[0]) == {"pmtrec", "single_task"}
    assert set(found[0]["pmtrec"].combiners["pmtrec"]) == {"tau"}


def test_a_method_that_is_not_there_is_refused(tmp_path: Path) -> None:
    project = Project.in_folder(tmp_path)
    options = ["--storage", "sqlite://", "--methods", "pmtrek"]
    with pytest.raises(ParamsError, match=r"--methods: there is no .pmtrek.\. Fix: write .pmtrec."):
        project.run(tune.main, *options, params="params.yaml", processed="processed", tasks="tasks")
