import hashlib
import logging
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.data.raw import download, remote
from pipeline.data.raw.download import RemoteFile, fetch
from pipeline.errors import InputError, IntegrityError, MachineError
from tests.servers import bad_server

CONTENT = b"1\t2\n"
SHA256 = hashlib.sha256(CONTENT).hexdigest()


@pytest.fixture
def served(tmp_path: Path) -> Iterator[str]:
    """Address of a server whose folder ``set/`` holds ``a (b).dat``."""
    (tmp_path / "www/set").mkdir(parents=True)
    (tmp_path / "www/set/a (b).dat").write_bytes(CONTENT)
    with bad_server(tmp_path / "www") as address:
        yield f"{address}good/"


@pytest.fixture(autouse=True)
def _without_mirror_and_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(download.MIRROR_VARIABLE, raising=False)
    monkeypatch.setattr(remote, "_PAUSE_S", 0.0)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "out").mkdir()
    return tmp_path / "out"


def test_downloads_by_url_with_quoted_names(served: str, folder: Path) -> None:
    fetch([RemoteFile(served, "set/a (b).dat", SHA256)], folder)
    assert (folder / "a (b).dat").read_bytes() == CONTENT


def test_a_wrong_checksum_leaves_nothing(served: str, folder: Path) -> None:
    with pytest.raises(IntegrityError) as refused:
        fetch([RemoteFile(served, "set/a (b).dat", "0" * 64)], folder)
    assert str(refused.value).startswith(f"{served}set/a%20%28b%29.dat: sha256 is {SHA256}, expected {'0' * 64}. Fix: ")
    assert list(folder.iterdir()) == []


def test_a_missing_file_and_a_dead_server_end_in_one_line(served: str, folder: Path) -> None:
    for address in (f"{served}nowhere/", "http://127.0.0.1:9/"):
        with pytest.raises(MachineError) as refused:
            fetch([RemoteFile(address, "a.dat", SHA256)], folder)
        assert str(refused.value).startswith(f"{address}a.dat: ")
        assert "Fix: check the network, or set PMTREC_MIRROR to a folder that holds a.dat" in str(refused.value)
        assert list(folder.iterdir()) == []


def test_the_mirror_comes_first(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, folder: Path) -> None:
    (tmp_path / "mirror/set").mkdir(parents=True)
    (tmp_path / "mirror/set/x.dat").write_bytes(CONTENT)
    monkeypatch.setenv(download.MIRROR_VARIABLE, str(tmp_path / "mirror"))
    fetch([RemoteFile("http://127.0.0.1:9/", "set/x.dat", SHA256)], folder)
    assert (folder / "x.dat").read_bytes() == CONTENT


def test_what_the_mirror_lacks_is_downloaded(
    served: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, folder: Path
) -> None:
    (tmp_path / "mirror").mkdir()
    monkeypatch.setenv(download.MIRROR_VARIABLE, str(tmp_path / "mirror"))
    fetch([RemoteFile(served, "set/a (b).dat", SHA256)], folder)
    assert (folder / "a (b).dat").read_bytes() == CONTENT


def test_a_wrong_file_in_the_mirror_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, folder: Path) -> None:
    (tmp_path / "x.dat").write_bytes(b"other")
    monkeypatch.setenv(download.MIRROR_VARIABLE, str(tmp_path))
    found = hashlib.sha256(b"other").hexdigest()
    with pytest.raises(IntegrityError, match=rf"x\.dat: sha256 is {found}, expected {SHA256}\. Fix: "):
        fetch([RemoteFile("http://127.0.0.1:9/", "x.dat", SHA256)], folder)
    assert list(folder.iterdir()) == []


def test_a_mirror_that_is_no_folder_is_refused(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    monkeypatch.setenv(download.MIRROR_VARIABLE, "/nowhere")
    with pytest.raises(InputError, match="PMTREC_MIRROR: there is no folder '/nowhere'"):
        fetch([], folder)


def test_mirrors_are_tried_in_their_order(
    served: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """One with other bytes, one that is down, one that lacks the file, one that has it; the collection is out of reach."""
    caplog.set_level(logging.WARNING)
    (tmp_path / "wrong/set").mkdir(parents=True)
    (tmp_path / "wrong/set/a (b).dat").write_bytes(b"other")
    mirrors = [str(tmp_path / "wrong"), "http://127.0.0.1:9", f"{served}nowhere", served]
    monkeypatch.setenv(download.MIRROR_VARIABLE, "; ".join(mirrors))
    fetch([RemoteFile("http://127.0.0.1:9/", "set/a (b).dat", SHA256)], folder)
    assert (folder / "a (b).dat").read_bytes() == CONTENT
    left = [record.getMessage() for record in caplog.records if "the next source" in record.getMessage()]
    assert [line.split(":", maxsplit=1)[0] for line in left] == [str(tmp_path / "wrong/set/a (b).dat"), "http", "http"]
    assert "sha256 is" in left[0]
    assert "there is no such file" in left[2]
