"""The whole DAG through the stages' main, on the demo data with a short training, and what MLflow then knows."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from safetensors.torch import load_file

from pipeline.errors import IntegrityError, MachineError
from pipeline.integrity import dvc_hash
from pipeline.metric_names import PEAK_MEMORY, SECONDS
from pipeline.tracking.live_run import LiveRun
from stages import train
from tests.project import METHODS, Project
from tests.sources import ROOT


def test_the_comparison_is_a_run_above_those_of_its_trainings_and_knows_what_they_took(finished: Project) -> None:
    from mlflow import MlflowClient

    client = MlflowClient(f"sqlite:///{finished.root}/mlflow.db")
    (experiment,) = [e for e in client.search_experiments() if e.name == "pmtrec-demo"]
    (comparison,) = client.search_runs([experiment.experiment_id], "attributes.run_name = 'comparison'")
    assert {run.data.tags["mlflow.parentRunId"] for run in finished.runs()} == {comparison.info.run_id}
    assert comparison.data.tags["mlflow.note.content"].startswith("demo: ")
    assert "| pmtrec | 1 |" in comparison.data.tags["mlflow.note.content"]
    assert "leaderboard.md" in {file.path for file in client.list_artifacts(comparison.info.run_id)}
    board = pd.read_csv(finished.root / "reports/leaderboard.csv").set_index("method")
    for run in finished.runs():
        method = run.data.params["method"]
        assert comparison.data.metrics[f"ndcg_at_20/{method}"] == board.loc[method, "ndcg@20"]
        took = {m.step: m.value for m in client.get_metric_history(run.info.run_id, SECONDS)}
        assert board.loc[method, "seconds"] == took[board.loc[method, "epochs"]]
        # A Python with torch is above 100 MiB; no machine that tests this has as much as 10 TiB.
        assert 100 < board.loc[method, "peak_memory"] < 10 * 2**20


def test_training_and_test_metrics_are_in_one_finished_run(finished: Project) -> None:
    runs = finished.runs()
    assert [run.info.run_name for run in runs] == [f"{method} seed 0" for method in METHODS]
    assert {run.info.status for run in runs} == {"FINISHED"}
    for method, run in zip(METHODS, runs, strict=True):
        test = json.loads((finished.root / f"results/demo/{method}/0/metrics.json").read_text())
        assert run.data.metrics["test/ndcg_at_20"] == test["ndcg@20"]
        names = list(run.data.metrics)
        assert names[:2] == ["best/valid_ndcg_at_20", "best/epoch"], "what one looks for comes first"
        assert {"valid/ndcg_at_20", "train/loss/recommendation", "train/weight/recommendation"} <= set(names)
        assert not any(name.count("/") > 2 for name in names), "slices are in history.csv"
        history = pd.read_csv(finished.root / f"models/demo/{method}/0/history.csv").set_index("epoch")["valid/ndcg_at_20"]
        assert run.data.metrics["best/valid_ndcg_at_20"] == history.max()
        assert run.data.metrics["best/epoch"] == history.idxmax()
        assert run.data.params["train.lr"] == "0.005"
        assert run.data.params["method"] == method
        assert run.data.tags["pmtrec.model"] == dvc_hash(finished.root / f"models/demo/{method}/0")
        assert run.inputs.dataset_inputs[0].dataset.digest == dvc_hash(finished.root / "tasks/demo")


def test_the_logged_model_answers_for_raw_user_ids(finished: Project) -> None:
    import mlflow

    mlflow.set_tracking_uri(f"sqlite:///{finished.root}/mlflow.db")
    run = finished.runs()[-1]
    (output,) = run.outputs.model_outputs
    assert mlflow.get_logged_model(output.model_id).experiment_id == run.info.experiment_id
    model = mlflow.pyfunc.load_model(f"models:/{output.model_id}")
    answer = model.predict(pd.DataFrame({"user_id": ["user-0000", "stranger"]}), params={"k": 3})
    assert answer["rank"].tolist() == [1, 2, 3, 1, 2, 3]
    assert answer["basis"].tolist() == ["history"] * 3 + ["popular"] * 3
    assert answer["item_id"].str.startswith("item-").all()
    assert model.metadata.signature is not None


def test_the_python_that_asks_a_logged_model_runs_as_the_page_shows_it(finished: Project) -> None:
    page = (ROOT / "docs/how-to/recommend-and-serve.md").read_text()
    (block,) = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", block]
    done = subprocess.run(command, cwd=finished.root, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("user-0007") == done.stdout.count("somebody new") == 3
    assert done.stdout.count(" items") == 10


def test_attachments(finished: Project) -> None:
    from mlflow import MlflowClient

    client = MlflowClient(f"sqlite:///{finished.root}/mlflow.db")
    names = {file.path for file in client.list_artifacts(finished.runs()[0].info.run_id)}
    assert {"training.png", "params.yaml", "dvc.lock.json"} <= names


def test_tracking_twice_changes_nothing(project: Project) -> None:
    before = [(run.info.run_id, run.data.metrics, len(run.outputs.model_outputs)) for run in project.runs()]
    project.track()
    assert [(run.info.run_id, run.data.metrics, len(run.outputs.model_outputs)) for run in project.runs()] == before


def test_training_again_gives_the_same_bytes_and_belongs_to_the_same_run(project: Project) -> None:
    before = dvc_hash(project.root / "models/demo/pmtrec/0")
    runs = [run.info.run_id for run in project.runs()]
    shutil.rmtree(project.root / "models/demo/pmtrec/0")
    assert dvc_hash(project.train("pmtrec")) == before
    assert [run.info.run_id for run in project.runs()] == runs


def test_one_and_two_threads_give_the_same_bits(project: Project, two_threads: None) -> None:
    one = project.root / "models/demo/pmtrec/0"
    tables, history = load_file(one / "embeddings.safetensors"), (one / "history.csv").read_bytes()
    project.change_params(**{"threads: 1": "threads: 2"})
    project.check()
    two = project.train("pmtrec")
    assert torch.get_num_threads() == 2
    assert (two / "history.csv").read_bytes() == history
    for name, table in load_file(two / "embeddings.safetensors").items():
        assert torch.equal(table, tables[name])


def test_other_cutoffs_update_the_same_run_and_leave_no_stale_metric(project: Project) -> None:
    project.change_params(**{"\n  - 10\n": "\n  - 5\n"})
    project.check()
    project.evaluate("pmtrec")
    project.track()
    run = project.runs()[-1]
    assert len(project.runs()) == len(METHODS)
    assert np.isnan(run.data.metrics["test/ndcg_at_10"])
    assert run.data.metrics["test/ndcg_at_5"] > 0
    assert not np.isnan(run.data.metrics["test/ndcg_at_20"])


def test_outputs_without_a_run_get_one_that_is_marked_as_restored(
    project: Project, finished: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    (original,) = [run for run in project.runs() if run.info.run_name == "pmtrec seed 0"]
    clone = finished.copy_to(project.root / "clone", without=["mlflow.db*", "mlartifacts"])
    monkeypatch.setenv("DVC_ROOT", str(clone.root))
    clone.track()
    assert len(clone.runs()) == len(METHODS)
    (run,) = [run for run in clone.runs() if run.info.run_name == "pmtrec seed 0"]
    assert run.data.tags["pmtrec.restored"] == "true"
    measured = {SECONDS, PEAK_MEMORY}  # of a training that ran; no file has it
    assert run.data.metrics == {name: value for name, value in original.data.metrics.items() if name not in measured}
    assert run.data.params == original.data.params


@pytest.mark.parametrize(
    ("error", "status"), [(SystemExit(143), "KILLED"), (KeyboardInterrupt(), "KILLED"), (OSError(), "FAILED")]
)
def test_an_interrupted_run_is_ended_and_leaves_no_output(
    project: Project, monkeypatch: pytest.MonkeyPatch, error: BaseException, status: str
) -> None:
    def stop(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(train, "save_learned", stop)
    project.change_params(**{"seeds:": "seeds:  "})
    shutil.rmtree(project.root / "models/demo/pmtrec/0")
    with pytest.raises(type(error)):
        project.train("pmtrec")
    assert project.runs()[-1].info.status == status
    assert not (project.root / "models/demo/pmtrec/0").exists()


def test_a_dead_tracking_server_does_not_stop_training_but_track_says_so(
    project: Project, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    before = dvc_hash(project.root / "models/demo/pmtrec/0")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    assert dvc_hash(project.train("pmtrec")) == before
    assert caplog.text.count("Training continues; what MLflow has missed is sent later") == 1
    with pytest.raises(MachineError, match=r"^mlflow: .*Fix: make sure that http://127.0.0.1:9 is accessible"):
        project.track()


def test_a_damaged_input_is_refused(project: Project) -> None:
    path = project.root / "models/demo/pmtrec/0/embeddings.safetensors"
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    with pytest.raises(IntegrityError, match="was modified or corrupted after it was written"):
        project.evaluate("pmtrec")


def test_a_run_whose_process_was_killed_is_ended_by_the_next(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as killed:
        killed.setattr(LiveRun, "end", lambda run, _: run._journal.close(is_sent=True))  # what only the run itself can say
        killed.setattr("pipeline.processes.os.getpid", lambda: 2**22 + 1)  # no process has this number
        project.train("pmtrec")
    orphan = project.runs()[-1]
    assert orphan.info.status == "RUNNING"
    project.train("pmtrec")
    assert {run.info.run_id: run.info.status for run in project.runs()}[orphan.info.run_id] == "KILLED"


def test_an_experiment_that_was_deleted_in_the_ui_comes_back(project: Project) -> None:
    from mlflow import MlflowClient

    client = MlflowClient(f"sqlite:///{project.root}/mlflow.db")
    experiment = client.get_experiment_by_name("pmtrec-demo")
    assert experiment is not None
    client.delete_experiment(experiment.experiment_id)
    project.track()
    restored = client.get_experiment_by_name("pmtrec-demo")
    assert restored is not None
    assert restored.lifecycle_stage == "active"
    client.delete_experiment(experiment.experiment_id)  # so that the database is as the other tests found it
    client.restore_experiment(experiment.experiment_id)


def test_two_first_users_at_once_get_one_experiment(tmp_path: Path) -> None:
    """Both make the database; without a lock one of them would crash."""
    code = "from pipeline.tracking.store import connect, experiment_of; print(experiment_of(connect(), 'demo'))"
    ours = os.environ | {"DVC_ROOT": str(tmp_path)}
    command = [sys.executable, "-c", code]
    with (
        subprocess.Popen(command, cwd=ROOT, env=ours, stdout=subprocess.PIPE) as one,
        subprocess.Popen(command, cwd=ROOT, env=ours, stdout=subprocess.PIPE) as two,
    ):
        assert [process.communicate()[0] for process in (one, two)] == [b"1\n", b"1\n"]


def test_a_baseline_goes_the_same_way(project: Project) -> None:
    """EASE has no embeddings: users are their histories, in the evaluation as in the model that MLflow serves."""
    project.change_params(
        **{
            "- single_task\n- equal_weights\n- pmtrec\n": "- ease\n",
            "method: pmtrec": "method: ease",
        }
    )
    project.check()
    project.train("ease")
    project.evaluate("ease")
    project.collect()
    project.refit()
    project.track()
    (run,) = [run for run in project.runs() if run.info.run_name == "ease seed 0"]
    assert {"valid/ndcg_at_20", "test/ndcg_at_20"} <= set(run.data.metrics)
    assert run.data.params["rule.l2"] == "100.0"
    assert not any(name.startswith("train.") for name in run.data.params), "it knows nothing of the section train"
    import mlflow

    (model,) = run.outputs.model_outputs
    mlflow.set_tracking_uri(f"sqlite:///{project.root}/mlflow.db")
    served = mlflow.pyfunc.load_model(f"models:/{model.model_id}")
    answer = served.predict(pd.DataFrame({"user_id": ["user-0007"]}), params={"k": 3})
    assert answer["rank"].tolist() == [1, 2, 3]
    assert (answer["basis"] == "history").all()
