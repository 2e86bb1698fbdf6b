import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from pipeline.sqlite_file import is_whole, set_aside


@pytest.fixture
def database(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(tmp_path / "some.db")) as connection:
        connection.execute("CREATE TABLE names (name TEXT)")
        connection.execute("CREATE INDEX by_name ON names (name)")
        connection.executemany("INSERT INTO names VALUES (?)", [(f"name {number}",) for number in range(2000)])
        connection.commit()
        yield connection


def test_one_that_nobody_has_touched_is_whole(tmp_path: Path, database: sqlite3.Connection) -> None:
    assert is_whole(tmp_path / "some.db")
    database.execute("BEGIN EXCLUSIVE")
    assert is_whole(tmp_path / "some.db"), "while another process writes it, nobody knows"


@pytest.mark.parametrize(
    ("at", "to"),
    [(0, b"x"), (18, b"\xff\xff"), (4096, b"\xa5" * 3000)],
    ids=["no database", "another format", "a page"],
)
def test_one_that_is_damaged(tmp_path: Path, database: sqlite3.Connection, at: int, to: bytes) -> None:
    database.close()
    content = bytearray((tmp_path / "some.db").read_bytes())
    content[at : at + len(to)] = to
    (tmp_path / "some.db").write_bytes(content)
    assert not is_whole(tmp_path / "some.db")


def test_an_index_whose_name_is_no_text_and_that_lacks_a_row(tmp_path: Path, database: sqlite3.Connection) -> None:
    database.execute("PRAGMA writable_schema = ON")
    database.execute("CREATE TABLE copy (name TEXT)")
    database.execute(
        "UPDATE sqlite_master SET rootpage = (SELECT rootpage FROM sqlite_master WHERE name = 'copy') WHERE name = 'by_name'"
    )
    database.commit()
    database.close()
    content = (tmp_path / "some.db").read_bytes().replace(b"by_name", b"by_\xffame")
    (tmp_path / "some.db").write_bytes(content)
    assert not is_whole(tmp_path / "some.db")


def test_it_is_set_aside_with_what_is_kept_beside_it_and_over_nothing(tmp_path: Path) -> None:
    for name in ("some.db", "some.db-journal", "some.db.damaged"):
        (tmp_path / name).write_text(name)
    assert set_aside(tmp_path / "some.db", "damaged") == tmp_path / "some.db.damaged-2"
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "some.db.damaged",
        "some.db.damaged-2",
        "some.db.damaged-2-journal",
    ]
