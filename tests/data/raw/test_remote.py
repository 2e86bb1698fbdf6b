import hashlib
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.data.raw import remote
from pipeline.data.raw.remote import anchored, copy_to
from pipeline.errors import InputError, IntegrityError, MachineError
from tests.servers import CONTENT, bad_server


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    monkeypatch.setattr(remote, "_PAUSE_S", 0.0)
    with bad_server(tmp_path, failures=2) as address:
        yield address


def test_a_copy_is_whole_and_its_checksum_right(server: str, tmp_path: Path) -> None:
    for address in (f"{server}fine/x.csv", f"{server}flaky/x.csv?token=1"):
        copy_to(tmp_path / "x.csv", address, hashlib.sha256(CONTENT).hexdigest())
        assert (tmp_path / "x.csv").read_bytes() == CONTENT


@pytest.mark.parametrize(
    ("how", "error", "line"),
    [
        ("truncated", MachineError, r"cannot be read: .*Not enough data.*Fix: check the network and try again"),
        ("403", MachineError, r"cannot be read: 403.*Fix: check the network and try again"),
        ("500", MachineError, r"cannot be read: 500.*Fix: check the network and try again"),
        ("404", InputError, r"there is no such file\. Fix: correct its path"),
    ],
)
def test_a_server_that_does_not_give_the_file_ends_in_one_line(
    server: str, tmp_path: Path, how: str, error: type[Exception], line: str
) -> None:
    with pytest.raises(error, match=f"{server}{how}/x.csv: {line}") as refused:
        copy_to(tmp_path / "x.csv", f"{server}{how}/x.csv", None)
    assert "\n" not in str(refused.value)
    assert not (tmp_path / "x.csv").exists()


def test_a_silent_and_a_trickling_server_are_left(server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remote, "_TRIES", 1)
    monkeypatch.setattr(remote, "_SILENCE_S", 0.2)
    monkeypatch.setattr(remote, "_WINDOW_S", 0.3)
    for how, reason in (("silent", "[Tt]imeout"), ("trickling", "bytes in the last 0 seconds")):
        start = time.monotonic()
        with pytest.raises(MachineError, match=f"{how}/x.csv: cannot be read: .*{reason}"):
            copy_to(tmp_path / "x.csv", f"{server}{how}/x.csv", None)
        assert time.monotonic() - start < 0.9
        assert not (tmp_path / "x.csv").exists()


def test_wrong_bytes_leave_nothing(server: str, tmp_path: Path) -> None:
    with pytest.raises(IntegrityError, match=r"x.csv: sha256 is [0-9a-f]{64}, expected 0{64}\. Fix: get the right file"):
        copy_to(tmp_path / "x.csv", f"{server}fine/x.csv", "0" * 64)
    assert not (tmp_path / "x.csv").exists()


def test_an_archive_gives_the_file_that_is_named_and_nothing_leaves_its_folder(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("ml/clicks.csv", CONTENT)
        archive.writestr("../escaped.csv", b"evil")
    (tmp_path / "in").mkdir()
    copy_to(tmp_path / "in/x.csv", f"zip://ml/clicks.csv::{tmp_path / 'a.zip'}", None)
    assert (tmp_path / "in/x.csv").read_bytes() == CONTENT
    copy_to(tmp_path / "in/y.csv", f"zip://../escaped.csv::{tmp_path / 'a.zip'}", None)
    assert (tmp_path / "in/y.csv").read_bytes() == b"evil"
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["a.zip", "in", "x.csv", "y.csv"]
    with pytest.raises(InputError, match=r"zip://none\.csv::.*there is no such file\. Fix: correct its path"):
        copy_to(tmp_path / "in/z.csv", f"zip://none.csv::{tmp_path / 'a.zip'}", None)
    (tmp_path / "broken.zip").write_bytes(b"PK\3\4 no archive")
    with pytest.raises((InputError, MachineError), match=r"broken\.zip: cannot be"):
        copy_to(tmp_path / "in/z.csv", f"zip://none.csv::{tmp_path / 'broken.zip'}", None)


def test_in_an_experiments_copy_of_the_project_paths_are_those_of_the_project(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "copy").mkdir()
    (tmp_path / "log.csv").write_bytes(b"u,i\n")
    monkeypatch.chdir(tmp_path / "copy")
    monkeypatch.setenv("DVC_ROOT", str(tmp_path))
    copy_to(tmp_path / "there", "log.csv", None)
    assert (tmp_path / "there").read_bytes() == b"u,i\n"
    assert anchored("zip://a.csv::data.zip") == f"zip://a.csv::{tmp_path / 'data.zip'}"
    assert anchored("https://a.b/c") == "https://a.b/c"
