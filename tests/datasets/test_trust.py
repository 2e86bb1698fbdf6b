"""Ciao and Epinions: Matlab files with one layout."""

import hashlib
from pathlib import Path

import numpy as np
import pytest
import scipy.io

from pipeline import plugins
from pipeline.data.raw import remote
from pipeline.data.raw.download import MIRROR_VARIABLE, RemoteFile, fetch
from pipeline.errors import InputError, IntegrityError
from tests.real import read_real, skip_unless_at_hand
from tests.servers import bad_server

# The first rows of Ciao's files: user, product, category, rating, helpfulness, seconds; who trusts whom.
RATINGS = [[6119, 92579, 24, 5, 4, 959670000], [6094, 77965, 4, 5, 4, 959756400], [7186, 77965, 6, 4, 4, 959756400]]
TRUST = [[1, 2], [1, 3]]


def write(folder: Path, ratings: object = RATINGS, trust: object = TRUST) -> None:
    for name, key, matrix in (("rating_with_timestamp.mat", "rating", ratings), ("trust.mat", "trust", trust)):
        scipy.io.savemat(folder / name, {key: np.array(matrix)}, do_compression=True)


@pytest.mark.parametrize("name", ["ciao", "epinion"])
def test_columns_by_hand(name: str, tmp_path: Path) -> None:
    write(tmp_path)
    raw = plugins.load("datasets", name).read(tmp_path)
    assert raw.interactions.to_dict("records")[0] == {
        "user_id": "6119",
        "item_id": "92579",
        "rating": 5.0,
        "timestamp": 959670000,
    }
    assert raw.relations["social"].table.to_numpy().tolist() == [["1", "2"], ["1", "3"]]
    assert raw.relations["category"].table.to_numpy().tolist() == [["92579", "24"], ["77965", "4"], ["77965", "6"]]


@pytest.mark.parametrize(
    ("ratings", "problem"),
    [
        ([[1, 2, 3, 4, 5]], "rating must be whole numbers in 6 columns"),
        ([[1, 2, 3, 4.5, 5, 6]], "rating must be whole numbers in 6 columns"),
        ([["a", "b"]], "holds no matrix rating"),
    ],
)
def test_another_layout_is_refused(ratings: object, problem: str, tmp_path: Path) -> None:
    write(tmp_path, ratings)
    with pytest.raises(InputError, match=problem):
        plugins.load("datasets", "ciao").read(tmp_path)


def test_a_file_that_is_no_matlab_file_is_refused(tmp_path: Path) -> None:
    write(tmp_path)
    (tmp_path / "trust.mat").write_bytes(b"<html>" * 100)
    with pytest.raises(InputError, match="holds no matrix trust"):
        plugins.load("datasets", "ciao").read(tmp_path)


def test_ciao_has_the_right_checksums_and_counts(tmp_path: Path) -> None:
    skip_unless_at_hand("ciao")
    raw = read_real("ciao", tmp_path)
    log = raw.interactions
    assert (len(log), log["user_id"].nunique(), log["item_id"].nunique()) == (284_086, 7_375, 105_114)
    assert len(raw.relations["social"].table) == 57_544
    assert raw.relations["category"].table["tail_id"].nunique() == 28


def blob_id(content: bytes) -> str:
    return hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest()


def test_epinion_is_verified_by_its_git_blob_id_against_a_local_server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its own bytes were never at hand: files of the same layout under the same path, and their blob ids."""
    monkeypatch.delenv(MIRROR_VARIABLE, raising=False)
    monkeypatch.setattr(remote, "_PAUSE_S", 0.0)
    served, raw = tmp_path / "www/dataset/Epinion&Ciao", tmp_path / "raw"
    served.mkdir(parents=True)
    raw.mkdir()
    write(served)
    names = [file.path for file in plugins.load("datasets", "epinion").fetch.args[0]]
    assert names == ["rating_with_timestamp.mat", "trust.mat"]
    with bad_server(tmp_path / "www") as address:
        base = f"{address}good/dataset/Epinion%26Ciao/"
        fetch([RemoteFile(base, name, blob_id((served / name).read_bytes())) for name in names], raw)
        assert len(plugins.load("datasets", "epinion").read(raw).interactions) == 3
        (raw / "trust.mat").unlink()
        with pytest.raises(IntegrityError, match=rf"trust.mat: git blob id is [0-9a-f]{{40}}, expected {'0' * 40}"):
            fetch([RemoteFile(base, "trust.mat", "0" * 40)], raw)
        assert not (raw / "trust.mat").exists()


def test_a_blob_id_is_gits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the five letters `hello` and a line break, git hash-object says ce01362..."""
    (tmp_path / "www").mkdir()
    (tmp_path / "www/hello").write_bytes(b"hello\n")
    monkeypatch.setenv(MIRROR_VARIABLE, str(tmp_path / "www"))
    (tmp_path / "out").mkdir()
    fetch([RemoteFile("http://127.0.0.1:9/", "hello", "ce013625030ba8dba906f756967f9e9ca394464a")], tmp_path / "out")
