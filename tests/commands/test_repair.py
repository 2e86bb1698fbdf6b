"""What is damaged is found, said and taken away, so that `dvc repro` makes it again; what is whole stays."""

import errno
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.artifacts import new_folder
from pipeline.commands.repair import repair
from pipeline.dvc_lock import keep_copy, locked_stages, restored
from pipeline.errors import InputError, IntegrityError
from pipeline.tracking.own_database import make, own_database

LOCK = "schema: '2.0'\nstages:\n  make:\n    cmd: python make.py\n"
MAKE = """
from pathlib import Path
from pipeline.artifacts import new_folder
with new_folder(Path("data/made")) as out:
    (out / "file").write_text("content " * 1000)
"""
DVC = "stages:\n  make:\n    cmd: python make.py\n    deps: [make.py]\n    outs: [data/made]\n"


def flip(path: Path) -> None:
    """As a bad disk would: DVC trusts what is read-only, so that stays."""
    mode = path.stat().st_mode
    path.chmod(0o644)
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 16
    path.write_bytes(content)
    path.chmod(mode)


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("DVC_ROOT", str(tmp_path))
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "dvc.yaml").write_text(DVC)
    (tmp_path / "make.py").write_text(MAKE)
    subprocess.run([sys.executable, "-m", "dvc", "init", "--no-scm", "--quiet"], check=True)
    return tmp_path


def repro() -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "dvc", "repro", "--quiet"]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_a_flipped_bit_in_the_cache_is_healed(
    root: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Without it, DVC would bring the same bytes back for ever."""
    import pipeline

    monkeypatch.setenv("PYTHONPATH", str(Path(pipeline.__file__).parents[1]))
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}:/usr/bin:/bin")
    assert repro().returncode == 0
    made = (root / "data/made/file").read_bytes()
    (damaged,) = [path for path in root.glob(".dvc/cache/files/md5/??/*") if path.read_bytes() == made]
    flip(damaged)
    for path in (root / "data/made").iterdir():
        path.unlink()
    (root / "data/made").rmdir()
    assert repro().returncode == 0
    assert (root / "data/made/file").read_bytes() != made, "DVC does not look"
    repair()
    said = capsys.readouterr()
    said_of = said.out + said.err
    assert f"{damaged}: other bytes than DVC has written: moved to .pmtrec/damaged/" in said_of
    assert "data/made/file: was modified or corrupted after it was written: moved to .pmtrec/damaged/" in said_of
    assert "2 thing(s) mended. Next: dvc repro" in said_of
    assert repro().returncode == 0
    assert (root / "data/made/file").read_bytes() == made
    repair()
    said = capsys.readouterr()
    assert "nothing is damaged" in said.out + said.err


def test_a_lock_that_was_cut_short_is_seen_wherever_it_was_cut(tmp_path: Path) -> None:
    """Or is a whole one with fewer stages, as DVC itself would take it."""
    text = (
        "schema: '2.0'\nstages:\n  one@a:\n    cmd: python one.py\n    deps:\n    - path: one.py\n      hash: md5\n"
        "      md5: 0123\n      size: 7\n    outs:\n    - path: data/one\n"
        "      hash: md5\n      md5: 4567.dir\n      size: 70\n"
        "      nfiles: 2\n  two:\n    cmd: python two.py\n    outs:\n    - path: data/two\n      hash: md5\n      md5: 89ab\n"
        "      size: 1\n"
    )
    lock = tmp_path / "dvc.lock"
    taken = []
    for length in range(len(text) + 1):
        lock.write_text(text[:length])
        try:
            taken.append((length, len(locked_stages(lock))))
        except IntegrityError:
            continue
    ends = [text[:length].rpartition("\n")[0].rpartition("\n")[2].strip() for length, _ in taken]
    assert {end.partition(":")[0] for end in ends} <= {"cmd", "md5", "size", "nfiles"}
    assert len(taken) < 12


def test_a_lock_that_knows_files_by_other_sums_is_whole(tmp_path: Path) -> None:
    """As DVC writes it of a file on a web server or in a bucket."""
    lock = tmp_path / "dvc.lock"
    deps = "    deps:\n    - path: https://host/x\n      hash: md5\n      checksum: '\"abc\"'\n      size: 3\n"
    lock.write_text(LOCK + deps + "    - path: s3://b/x\n      etag: abc\n      size: 3\n")
    assert set(locked_stages(lock)) == {"make"}
    assert restored(lock, tmp_path / "copy") == ""


def test_what_cannot_be_opened_now_is_not_damaged(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with new_folder(root / "models/m") as out:
        (out / "w").write_text("content")
    before = Path.open

    def refuse(path: Path, *arguments: object, **named: object) -> object:
        if path.name == "w":
            raise OSError(errno.EMFILE, "Too many open files", str(path))
        return before(path, *arguments, **named)  # type: ignore[call-overload]

    with monkeypatch.context() as full:
        full.setattr(Path, "open", refuse)
        with pytest.raises(OSError, match="Too many open files"):
            repair()
    assert (root / "models/m/w").read_text() == "content"


@pytest.mark.parametrize(
    "content", [b"", b"schema: '2.0'\nst", b"\xff\xfe", b"stages: [1", b"- a\n", b"stages:\n  make: {cmd: 'x"]
)
@pytest.mark.parametrize("has_copy", [True, False])
def test_a_damaged_lock_is_put_back(tmp_path: Path, content: bytes, has_copy: bool) -> None:
    lock, copy = tmp_path / "dvc.lock", tmp_path / ".pmtrec/dvc.lock"
    lock.write_text(LOCK)
    if has_copy:
        keep_copy(lock, copy)
    lock.write_bytes(content)
    keep_copy(lock, copy)  # a damaged one does not replace a whole one
    with pytest.raises(IntegrityError, match=r"dvc\.lock: is damaged\. Fix: pmtrec repair, then dvc repro"):
        locked_stages(lock)
    assert "was damaged" in restored(lock, copy)
    assert (lock.read_text() == LOCK) if has_copy else not lock.exists()
    assert (tmp_path / "dvc.lock.damaged").read_bytes() == content
    assert restored(lock, copy) == ""


def test_a_lock_that_is_not_there_yet_has_no_stages(tmp_path: Path) -> None:
    assert locked_stages(tmp_path / "dvc.lock") == {}
    keep_copy(tmp_path / "dvc.lock", tmp_path / "copy")
    assert not (tmp_path / "copy").exists()


def test_whole_outputs_stay_and_a_damaged_database_is_moved(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with new_folder(root / "models/demo/pmtrec/0") as out:
        (out / "file").write_text("content")
    make(own_database())
    own_database().write_bytes(own_database().read_bytes()[:50_000])
    (root / "dvc.lock").write_text(LOCK[:-9])
    repair()
    said = capsys.readouterr()
    assert "2 thing(s) mended" in said.out + said.err
    assert "mlflow.db: cannot be read: moved to mlflow.db.damaged" in said.out + said.err
    assert (root / "models/demo/pmtrec/0/file").read_text() == "content"


def test_elsewhere_it_does_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DVC_ROOT", str(tmp_path))
    with pytest.raises(InputError, match=r"there is no dvc\.yaml here"):
        repair()
