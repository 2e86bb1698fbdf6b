"""The inspection as a process: one fault hides nothing else, and everything is in problems.csv."""

import os
import subprocess
import sys
from pathlib import Path

import pandas as pd

from tests.sources import CUSTOM, ROOT

CLICKS = "user,item\n" + "".join(f"u{n % 20},i{n // 20 + n % 20}\n" for n in range(200))
LOG = "user: user, item: item"


def inspect(folder: Path, custom: str, *names: str, **changes: str) -> "subprocess.CompletedProcess[str]":
    text = (ROOT / "params.yaml").read_text().replace("\n- demo\n", "\n" + "".join(f"- {name}\n" for name in names))
    for old, new in ({CUSTOM: f"custom:\n{custom}"} | changes).items():
        assert old in text
        text = text.replace(old, new)
    (folder / "params.yaml").write_text(text)
    command = [sys.executable, "-m", "pipeline.commands.main", "inspect"]
    settings = os.environ | {"PYTHONPATH": str(ROOT)}
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, env=settings, check=False)


def test_a_bad_data_set_hides_neither_the_next_nor_any_fault(tmp_path: Path) -> None:
    (tmp_path / "bad.csv").write_text(CLICKS + ",x\n" * 30)
    (tmp_path / "one.csv").write_text("user,item\na,x\nb,x\n")
    (tmp_path / "good.csv").write_text(CLICKS)
    custom = "".join(f"  {name}:\n    interactions: {{path: {name}.csv, {LOG}}}\n" for name in ("bad", "one", "good"))
    done = inspect(tmp_path, custom, "bad", "one", "good")
    assert done.returncode == 2
    lines = [line for line in done.stderr.splitlines() if line.startswith("pmtrec: error:")]
    assert lines[0] == "pmtrec: error: bad.csv:202 user_id: found ''. Fix: write an id"
    assert lines[-2] == "pmtrec: error: ... and 11 more problems"
    assert lines[-1] == "pmtrec: error: all 30 table errors are listed in problems.csv"
    assert pd.read_csv(tmp_path / "problems.csv")["row"].tolist() == list(range(202, 232))
    assert "\ngood\n" in done.stderr
    assert "changed no side task" in done.stderr


def test_a_wrong_description_does_not_hide_the_other_data_sets(tmp_path: Path) -> None:
    (tmp_path / "good.csv").write_text(CLICKS)
    (tmp_path / "bad.csv").write_text(CLICKS + ",x\n")
    custom = (
        f"  slip:\n    interactions: {{path: good.csv, {LOG}, unit: hours}}\n"
        f"  bad:\n    interactions: {{path: bad.csv, {LOG}}}\n"
        f"  good:\n    interactions: {{path: good.csv, {LOG}}}\n"
    )
    done = inspect(tmp_path, custom, "slip", "bad", "good")
    assert done.returncode == 2
    lines = [line.partition(": error: ")[2] for line in done.stderr.splitlines() if line.startswith("pmtrec: error:")]
    assert lines[0].startswith("params.yaml: custom.slip.interactions.unit: must be 's', 'ms'")
    assert lines[1] == "bad.csv:202 user_id: found ''. Fix: write an id"
    assert "changed no side task" in done.stderr


def test_what_preprocess_would_refuse_is_refused_here(tmp_path: Path) -> None:
    (tmp_path / "one.csv").write_text("user,item\na,x\nb,x\n")
    done = inspect(tmp_path, f"  one:\n    interactions: {{path: one.csv, {LOG}}}\n", "one")
    fix = "add items, or keep more interactions"
    assert (done.returncode, done.stderr.splitlines()[-1]) == (
        2,
        f"pmtrec: error: one: preprocess: there is only one item, so nothing to rank. Fix: {fix}",
    )


def test_the_split_of_params_is_the_one_that_is_tried(tmp_path: Path) -> None:
    """Users with one interaction leave nothing for a random split, and all for one by time."""
    (tmp_path / "log.csv").write_text("user,item,t\n" + "".join(f"u{n},i{n % 7},{1_600_000_000 + n}\n" for n in range(100)))
    (tmp_path / "f.csv").write_text("a,b\nu1,u2\nu3,u4\n")
    custom = (
        f"  log:\n    interactions: {{path: log.csv, {LOG}, timestamp: t}}\n"
        "    relations:\n      friends: {path: f.csv, between: [user, user], head: a, tail: b}\n"
    )
    done = inspect(tmp_path, custom, "log", **{"split: random": "split: temporal"})
    assert done.returncode == 0, done.stderr
    assert "first row u0, i0" in " ".join(done.stderr.split())
