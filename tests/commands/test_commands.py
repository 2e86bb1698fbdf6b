"""`pmtrec` as it is typed."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pandas as pd
import pytest
from ruamel.yaml import YAML

from pipeline.commands import init
from pipeline.commands.main import main
from tests.sources import ROOT


def pmtrec(*arguments: str, code: int = 0, **environment: str) -> str:
    """What a command writes to stdout; on an error, to stderr."""
    env = {**os.environ, "PYTHONPATH": str(ROOT), "COLUMNS": "100", **environment}
    command = [sys.executable, "-m", "pipeline.commands.main", *arguments]
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == code, done.stdout + done.stderr
    return done.stderr if code else done.stdout


def test_the_help_is_there_at_once() -> None:
    slow = "('torch', 'pandas', 'mlflow', 'fastapi')"
    code = f"import sys, pipeline.commands.main; print([name for name in {slow} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
    text = pmtrec("--help")
    commands = "recommend similar explain serve batch inspect tune compare promote sync repair init refit app ui".split()  # noqa: SIM905
    assert all(f"  {name} " in text for name in commands)
    assert "--show-completion" in text


def test_recommend_as_a_table_and_as_json(in_project: Path) -> None:
    found = json.loads(pmtrec("recommend", "user-0007", "nobody", "-k", "3", "--from", "demo/pmtrec/0", "--json"))
    assert [(one["user_id"], one["basis"], len(one["items"])) for one in found] == [
        ("user-0007", "history", 3),
        ("nobody", "popular", 3),
    ]
    table = pmtrec("recommend", "user-0007", "-k", "3", "--from", "demo/pmtrec/0", "--exclude", found[0]["items"][0])
    assert found[0]["items"][0] not in table
    assert found[0]["items"][1] in table
    assert "\x1b" not in table, "no colours where nobody looks"
    new = json.loads(pmtrec("recommend", "--item", "item-0001", "--item", "item-0002", "--from", "demo/pmtrec/0", "--json"))
    assert new[0]["basis"] == "items"


def test_similar_explain_and_compare(in_project: Path) -> None:
    alike = json.loads(pmtrec("similar", "--item", "item-0001", "-k", "2", "--from", "demo/pmtrec/0", "--json"))
    assert [row["rank"] for row in alike] == [1, 2]
    why = pmtrec("explain", "--user", "user-0007", "--item", alike[0]["similar_id"], "--from", "demo/pmtrec/0")
    assert "weights of the tasks, by epoch" in why
    board = json.loads(pmtrec("compare", "--json"))
    assert {row["method"] for row in board} == {"single_task", "equal_weights", "pmtrec"}
    assert " has ndcg@20 0." in pmtrec("compare", "demo")


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["recommend", "a", "--from", "nothing"], "nothing: there is no such model here. Fix: run dvc repro, or write another"),
        (["recommend"], "nobody is asked for. Fix: write ids of users, or --item"),
        (["similar", "--item", "x", "--from", "demo/pmtrec/0"], "x: is not known to this model, or like nothing"),
        (["explain", "--user", "x", "--from", "demo/pmtrec/0"], "user 'x': is not known to this model"),
        (["recommend", "a", "--from", "models:/pmtrec-demo/99"], "models:/pmtrec-demo/99: "),
        (["compare", "yelp"], "reports: has nothing of 'yelp'"),
        (["batch", "--out", "lists.txt"], "--out: lists.txt: must end in .parquet or .csv. Fix: write lists.txt.parquet"),
        (
            ["recommend", "a", "-k", "0"],
            "Invalid value for '-k': ",
        ),
        (["nothing"], "No such command 'nothing'. Fix: see pmtrec --help"),
        (["refit", "demo", "pmtrec", "--out", "x", "--dtype", "int4"], "--dtype: there is no 'int4'. Fix: write one of"),
        (["promote", "demo", "99"], "pmtrec-demo: there is no version 99"),
    ],
)
def test_what_is_wrong_is_one_line(
    in_project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], arguments: list[str], line: str
) -> None:
    """In this process: to import all that a command needs takes seconds."""
    monkeypatch.setattr(signal, "signal", lambda *_: None)  # those of the tests stay
    monkeypatch.setattr(sys, "argv", ["pmtrec", *arguments])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 2
    (only,) = capsys.readouterr().err.splitlines()
    assert only.startswith(f"pmtrec: error: {line}")


def test_a_wrong_line_is_the_same_in_a_process_of_its_own(in_project: Path) -> None:
    (only,) = pmtrec("recommend", "a", "--from", "models:/pmtrec-demo/99", code=2).splitlines()
    assert only.startswith("pmtrec: error: models:/pmtrec-demo/99: ")


def test_batch_goes_on_where_it_was_stopped_and_mixes_nothing(in_project: Path, tmp_path: Path) -> None:
    out = tmp_path / "lists.parquet"
    options = ["batch", "--out", str(out), "-k", "5", "--chunk", "700", "--from", "demo/pmtrec/0"]
    pmtrec(*options)
    whole = pd.concat([pd.read_parquet(part) for part in sorted(out.glob("part-*"))], ignore_index=True)
    assert len(whole) == 1995 * 5
    (out / "part-00001.parquet").unlink()
    before = (out / "part-00000.parquet").stat().st_mtime_ns
    assert "(2 parts were there already)" in pmtrec(*options)
    again = pd.concat([pd.read_parquet(part) for part in sorted(out.glob("part-*"))], ignore_index=True)
    pd.testing.assert_frame_equal(again, whole)
    assert (out / "part-00000.parquet").stat().st_mtime_ns == before
    other = [option if option != "5" else "6" for option in options]
    assert "holds the lists of" in pmtrec(*other, code=2)
    another = [option if option != "demo/pmtrec/0" else "demo/single_task/0" for option in options]
    assert "holds the lists of" in pmtrec(*another, code=2)
    pmtrec("batch", "--out", "memory://lists.csv", "--from", "demo/pmtrec/0")
    (tmp_path / "file.csv").write_text("")
    assert "is a file" in pmtrec("batch", "--out", str(tmp_path / "file.csv"), "--from", "demo/pmtrec/0", code=2)


def test_refit_writes_a_model_that_answers_and_starts_warm(in_project: Path, tmp_path: Path) -> None:
    out = tmp_path / "model"
    said = pmtrec("refit", "demo", "pmtrec", "--out", str(out), "--dtype", "int8")
    assert "no metric belongs to it" in said
    found = json.loads(pmtrec("recommend", "user-0007", "--from", str(out), "--json"))
    assert found[0]["basis"] == "history"
    pmtrec("refit", "demo", "pmtrec", "--out", str(tmp_path / "second"), "--warm-start", str(out))
    assert "is there already" in pmtrec("refit", "demo", "pmtrec", "--out", str(out), code=2)


@pytest.mark.parametrize("digits", ["11173291", "4e999999", "0x12ab34", "deadbeef"])
def test_the_name_of_a_new_project_is_text(monkeypatch: pytest.MonkeyPatch, digits: str) -> None:
    monkeypatch.setattr("uuid.uuid4", lambda: SimpleNamespace(hex=digits))
    old, new = init._project()
    assert old in (ROOT / "params.yaml").read_text()
    assert YAML(typ="safe", pure=True).load(new.strip()) == {"project": f"p{digits}"}


def test_init_makes_a_project_of_somebodys_own_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    data = ROOT / "tests/own_data"
    log = ["--interactions", str(data / "clicks.csv"), "--user", "user", "--item", "film", "--rating", "stars"]
    links = ["--relation", f"friends={data / 'friends.tsv'},user,user,1,2"]
    bin_folder = str(Path(sys.executable).parent)
    path = f"{bin_folder}{os.pathsep}{os.environ['PATH']}"
    pmtrec("init", "films", *log, "--timestamp", "when", "--unit", "ms", *links, "--name", "films", PATH=path)
    assert {"params.yaml", "dvc.yaml", ".dvc", ".gitignore", ".git"} <= {file.name for file in (tmp_path / "films").iterdir()}
    assert (tmp_path / "films/dvc.yaml").read_text() == (ROOT / "dvc.yaml").read_text()
    assert (tmp_path / "films/.dvc/plots/curves.json").is_file()
    monkeypatch.chdir(tmp_path / "films")
    done = subprocess.run(
        [sys.executable, "-m", "pipeline.commands.main", "inspect"],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "5,154" in done.stderr
    monkeypatch.chdir(tmp_path)
    assert "is not empty" in pmtrec("init", "films", *log, code=2, PATH=path)
    wrong = pmtrec("init", "other", "--interactions", "no.csv", "--user", "u", "--item", "i", code=2, PATH=path)
    assert "no.csv: there is no such file" in wrong
    assert "--relation: x: must be name=file,from,to,column,column" in pmtrec(
        "init", "other", *log, "--relation", "x", code=2, PATH=path
    )
    for name, why in (("Upper Case", "must be small letters"), ("demo", "belongs to a built-in data set")):
        assert why in pmtrec("init", "other", *log, "--name", name, code=2, PATH=path)
    slip = [option if option != "film" else "flim" for option in log]
    assert "there is no column 'flim'. Fix: write 'film'" in pmtrec("init", "other", *slip, code=2, PATH=path)
    assert not (tmp_path / "other").exists()
    assert [file.name for file in tmp_path.iterdir()] == ["films"], "nothing is left of what was refused"
