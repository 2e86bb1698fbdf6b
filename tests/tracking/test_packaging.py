"""The MLflow model: beside a caller's own package, two of different code in one process, no pickle, JSON without NaN."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.api import prepare, train
from pipeline.ranking.recommender import Recommender
from pipeline.tracking import packaging
from pipeline.tracking.packaging import package, save_packaged
from tests.web import ask, free_port, serving

ASK = """
import json, sys
import mlflow.pyfunc
import pandas as pd
import pipeline
assert pipeline.MINE == 1, "the caller's own"
models = [mlflow.pyfunc.load_model(path) for path in sys.argv[1:]]
for model in models:
    answer = model.predict(pd.DataFrame({"user_id": ["user-0007", "nobody"]}), params={"k": 2})
    json.dumps(answer.to_dict("records"), allow_nan=False)
    print(",".join(answer["item_id"]), ",".join(answer["basis"]))
"""


@pytest.fixture(scope="module")
def model() -> Recommender:
    return train(prepare("demo"), method=("ease", {}))


@pytest.fixture(scope="module")
def saved(model: Recommender, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("packaged") / "model"
    save_packaged(model, path)
    return path


def elsewhere(folder: Path, *models: Path) -> list[str]:
    """What the models answer in a folder with a package `pipeline` that is none of ours, without a pickle."""
    (folder / "pipeline").mkdir(exist_ok=True)
    (folder / "pipeline/__init__.py").write_text("MINE = 1\n")
    ours = {key: value for key, value in os.environ.items() if not key.startswith(("PYTHONPATH", "MLFLOW"))}
    command = [sys.executable, "-c", ASK, *map(str, models)]
    env = {**ours, "MLFLOW_ALLOW_PICKLE_DESERIALIZATION": "false"}
    done = subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def test_beside_a_package_of_the_callers_own(saved: Path, model: Recommender, tmp_path: Path) -> None:
    (answer,) = elsewhere(tmp_path, saved)
    wanted = model.recommend(["user-0007", "nobody"], k=2)
    assert answer == f"{','.join(wanted['item_id'])} history,history,popular,popular"


def test_two_models_of_different_code_in_one_process(
    saved: Path, model: Recommender, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second has a code of its own that says another basis for who is unknown."""
    other = tmp_path / "other"

    def changed(folder: Path) -> str:
        name = package(folder)
        path = folder / name / "ranking/recommender.py"
        text = path.read_text()
        assert '"popular" if not rests[n]' in text
        path.write_text(text.replace('"popular" if not rests[n]', '"nobody" if not rests[n]'))
        renamed = folder / "pmtrec_model_other"
        for file in (folder / name).rglob("*.py"):
            file.write_text(file.read_text().replace(name, renamed.name))
        (folder / name).rename(renamed)
        return renamed.name

    monkeypatch.setattr(packaging, "package", changed)
    save_packaged(model, other)
    one, two = elsewhere(tmp_path, saved, other)
    assert one.endswith("history,history,popular,popular")
    assert two.endswith("history,history,nobody,nobody")


def test_the_code_has_a_name_by_its_content_and_no_system_of_its_own(tmp_path: Path) -> None:
    name = package(tmp_path)
    assert package(tmp_path) == name
    sources = {path: path.read_text() for path in (tmp_path / name).rglob("*.py")}
    assert len(sources) < 25
    assert not any("from pipeline" in text or "import pipeline" in text for text in sources.values())
    assert not any(word in text for text in sources.values() for word in ("import fcntl", "import numba", "import pickle"))


def test_mlflow_serves_it(saved: Path, tmp_path: Path) -> None:
    number = free_port()
    command = ["mlflow", "models", "serve", "-m", str(saved), "--env-manager", "local", "--port", str(number)]
    with serving(command, tmp_path, number):
        records = [{"user_id": "user-0007"}, {"items": ["item-0001"]}, {"user_id": 5}]
        status, found = ask(number, "POST", "/invocations", {"dataframe_records": records, "params": {"k": 2}})
        assert status == 200
        assert [row["basis"] for row in found["predictions"]] == ["history"] * 2 + ["items"] * 2 + ["popular"] * 2
        for wrong in ({"k": 0}, {"k": 5000}):
            body = {"dataframe_records": records, "params": wrong}
            status, found = ask(number, "POST", "/invocations", body)
            assert status == 400
            assert "k: must be" in found["message"]
            assert "stack_trace" not in found
