import errno
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from pipeline.artifacts import ROOM_OR_ACCESS, new_folder
from pipeline.data.storage import write_parquet
from pipeline.errors import BusyError, InputError, IntegrityError, MachineError
from pipeline.integrity import MANIFEST, check_folder, dvc_hash, files_of


def filled(folder: Path, content: str = "a") -> Path:
    with new_folder(folder) as new:
        (new / "sub").mkdir()
        (new / "sub/x").write_text(content)
    return folder


def test_a_finished_folder_is_whole_and_checked(tmp_path: Path) -> None:
    assert (check_folder(filled(tmp_path / "out")) / "sub/x").read_text() == "a"


def test_a_failure_leaves_what_stood_there_before_and_nothing_else(tmp_path: Path) -> None:
    out = filled(tmp_path / "out")
    with pytest.raises(ZeroDivisionError), new_folder(out) as new:
        (new / "y").write_text(str(1 / 0))
    assert (check_folder(out) / "sub/x").read_text() == "a"
    assert sorted(path.name for path in tmp_path.iterdir()) == [".out.lock", "out"]


def test_what_a_killed_process_left_is_cleared_away(tmp_path: Path) -> None:
    code = f"""
import os, signal, pathlib
from pipeline.artifacts import new_folder
with new_folder(pathlib.Path({str(tmp_path / "out")!r})) as new:
    (new / "junk").write_text("half")
    os.kill(os.getpid(), signal.SIGKILL)
"""
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == -9
    assert not (tmp_path / "out").exists()
    assert (filled(tmp_path / "out") / "manifest.json").exists()
    assert not (tmp_path / "out/junk").exists()


@pytest.mark.parametrize("change", ["flip", "remove", "add"])
def test_other_bytes_than_written_are_noticed(tmp_path: Path, change: str) -> None:
    out = filled(tmp_path / "out")
    if change == "flip":
        (out / "sub/x").write_text("b")
    elif change == "remove":
        (out / "sub/x").unlink()
    else:
        (out / "y").write_text("new")
    with pytest.raises(IntegrityError, match=r"Fix: pmtrec repair, then dvc repro"):
        check_folder(out)


def test_an_absent_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError) as refused:
        check_folder(tmp_path / "out")
    assert str(refused.value) == f"{tmp_path / 'out'}: there is no complete output here. Fix: run dvc repro"


def test_a_second_writer_is_refused(tmp_path: Path) -> None:
    with new_folder(tmp_path / "out"), pytest.raises(BusyError) as refused:
        filled(tmp_path / "out")
    expected = f"{tmp_path / 'out'}: another process is writing it. Fix: wait for it to finish, or stop it"
    assert str(refused.value) == expected


def test_a_full_disk_is_a_line_and_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(MachineError) as refused, new_folder(tmp_path / "out"):
        Path("/dev/full").write_text("x")
    expected = f"{tmp_path / 'out'}: cannot be written: No space left on device. Fix: {ROOM_OR_ACCESS}"
    assert str(refused.value) == expected
    assert [path.name for path in tmp_path.iterdir()] == [".out.lock"]


def test_hash_is_the_one_that_dvc_writes(tmp_path: Path) -> None:
    filled(tmp_path / "out")
    (tmp_path / "out/a.txt").write_text("ü")
    environment = {"PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin", "HOME": str(tmp_path)}
    for command in (["init", "-q", "--no-scm"], ["add", "-q", "out"], ["add", "-q", "out/../out/../one"]):
        if command[-1].endswith("one"):
            (tmp_path / "one").write_text("1")
        subprocess.run([sys.executable, "-m", "dvc", *command], cwd=tmp_path, check=True, env=environment)
    for name in ("out", "one"):
        written = (tmp_path / f"{name}.dvc").read_text()
        assert f"md5: {dvc_hash(tmp_path / name)}\n" in written


def test_manifest_names_every_file(tmp_path: Path) -> None:
    manifest = json.loads((filled(tmp_path / "out") / "manifest.json").read_text())
    assert list(manifest["sha256"]) == ["sub/x"]


def test_a_damaged_manifest_is_refused(tmp_path: Path) -> None:
    with new_folder(tmp_path / "out") as out:
        (out / "a").write_text("1")
    (tmp_path / "out" / MANIFEST).write_text("{")
    with pytest.raises(IntegrityError, match="was modified or corrupted after it was written"):
        check_folder(tmp_path / "out")


def test_manifest_counts_the_rows_of_tables(tmp_path: Path) -> None:
    with new_folder(tmp_path / "out") as out:
        write_parquet(out / "t.parquet", pd.DataFrame({"a": [1, 2, 3]}))
    assert json.loads((tmp_path / "out/manifest.json").read_text())["rows"] == {"t.parquet": 3}


def test_a_folder_that_cannot_be_read_is_no_empty_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    filled(tmp_path / "out")
    before = os.scandir

    def refuse(path: Any) -> Any:
        if Path(path).name == "out":
            raise PermissionError(errno.EACCES, "Permission denied", str(path))
        return before(path)

    monkeypatch.setattr(os, "scandir", refuse)
    for look in (files_of, dvc_hash, check_folder):
        with pytest.raises(PermissionError):
            look(tmp_path / "out")
