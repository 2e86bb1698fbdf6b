"""What of an own data set decides whether it is fetched again."""

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.config.dataset_record import dataset_record
from pipeline.config.run_config import read_config
from pipeline.errors import ParamsError
from tests.sources import CUSTOM, ROOT

LOG = "user,item\na,x\nb,y\n"


@pytest.fixture
def params(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return describe("log.csv")


def describe(path: str) -> Path:
    custom = f"custom:\n  mine:\n    interactions: {{path: '{path}', user: user, item: item}}\n"
    text = (ROOT / "params.yaml").read_text().replace("\n- demo\n", "\n- mine\n").replace(CUSTOM, custom)
    Path("params.yaml").write_text(text)
    return Path("params.yaml")


def test_a_file_of_the_same_size_and_time_that_changed_is_another(params: Path) -> None:
    Path("log.csv").write_text(LOG)
    before = os.stat("log.csv")
    first = dataset_record(read_config(params), "mine")
    Path("log.csv").write_text(LOG.replace("y", "z"))
    os.utime("log.csv", ns=(before.st_atime_ns, before.st_mtime_ns))
    assert os.stat("log.csv").st_size == before.st_size
    assert dataset_record(read_config(params), "mine") != first
    Path("log.csv").write_text(LOG)  # other times, the same bytes
    assert dataset_record(read_config(params), "mine") == first


@pytest.mark.parametrize("path", ["local://log.csv", "file://log.csv", "logs/*.csv", "logs", "$FOLDER/log.csv"])
def test_files_are_seen_however_they_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, path: str) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("FOLDER", "logs")
    Path("logs").mkdir()
    place = Path("log.csv") if "://" in path else Path("logs/log.csv")
    place.write_text(LOG)
    params = describe(path)
    first = dataset_record(read_config(params), "mine")
    assert list(first["files"].values()) == [hashlib.sha256(LOG.encode()).hexdigest()]
    place.write_text(LOG + "c,z\n")
    changed = dataset_record(read_config(params), "mine")
    assert changed["files"].keys() == first["files"].keys()
    assert changed != first
    if "*" in path or path == "logs":
        Path("logs/more.csv").write_text(LOG)
        assert len(dataset_record(read_config(params), "mine")["files"]) == 2


def test_where_dvc_has_the_raw_data_the_files_may_be_gone(params: Path) -> None:
    """As in a clone after `dvc pull`, which has no log."""
    Path("log.csv").write_text(LOG)
    written = dataset_record(read_config(params), "mine")
    Path("log.csv").unlink()
    gone = r"params\.yaml: custom\.mine\.interactions: log\.csv: No such file or directory\. Fix: correct the path"
    with pytest.raises(ParamsError, match=gone):
        dataset_record(read_config(params), "mine")
    subprocess.run([sys.executable, "-m", "dvc", "init", "-q", "--no-scm"], check=True)
    content = json.dumps({**written, "code": {}}).encode()
    md5 = hashlib.md5(content, usedforsecurity=False).hexdigest()
    place = Path(".dvc/cache/files/md5", md5[:2], md5[2:])
    place.parent.mkdir(parents=True)
    place.write_bytes(content)
    lock = f"stages:\n  download@mine:\n    deps:\n    - path: data/checked/mine/download.json\n      md5: {md5}\n"
    Path("dvc.lock").write_text(lock)
    assert dataset_record(read_config(params), "mine") == written
    describe("other.csv")
    with pytest.raises(ParamsError, match=r"other\.csv: No such file"):
        dataset_record(read_config(params), "mine")
    describe("log.csv")
    for damaged in ("", "stages: [", "stages: {}\n", lock.replace(md5, "0" * 32)):
        Path("dvc.lock").write_text(damaged)
        with pytest.raises(ParamsError, match=gone):
            dataset_record(read_config(params), "mine")
