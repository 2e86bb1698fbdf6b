"""Files that other readers misread without a word: read right, or refused with the row and what to write."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from pipeline.data.preprocessing import preprocess
from pipeline.data.processed import Processed
from pipeline.data.splitting import Splitting
from pipeline.datasets.custom import custom
from pipeline.errors import InputError
from tests.datasets._custom import read, written

LOG = {"user": "user", "item": "item"}
TIMED = {**LOG, "timestamp": "t"}
CLOSE = "close it before the separator, double quotes inside a field, or set quote: null if quotes mean nothing here"
UNIT = "set its unit (s, ms, us, ns, d, iso, order)"


def rows(content: Sequence[Sequence[object]], header: str = "user,item,title\n") -> str:
    return header + "".join(",".join(map(str, fields)) + "\n" for fields in content)


def plain(n: int = 60) -> list[list[object]]:
    return [[f"u{k % 9}", f"i{k}", "Title"] for k in range(n)]


TOO_LATE = "is closed 30 lines later, where each line is a row by itself"
NOT_CLOSED = "is not closed, or is followed by text"


@pytest.mark.parametrize(
    ("later", "how"), [('"Heat', NOT_CLOSED), ('5"', TOO_LATE), ('the "second"', NOT_CLOSED), ("Title", NOT_CLOSED)]
)
def test_a_quote_that_is_not_closed_is_refused_with_its_row(tmp_path: Path, later: str, how: str) -> None:
    content = plain()
    content[10][2], content[40][2] = '"Heat', later
    with pytest.raises(InputError) as refused:
        read(tmp_path, {"path": written(tmp_path, rows(content))} | LOG)
    line = str(refused.value).removeprefix(f"{tmp_path}/")
    assert line == f"clicks.csv:12: a quote {how}. Fix: {CLOSE}"
    (tmp_path / "raw").rename(tmp_path / "first")
    every = read(tmp_path, {"path": written(tmp_path, rows(content)), "quote": None} | LOG)
    assert len(every.interactions) == 60


def test_an_id_that_quotes_a_part_of_itself_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"clicks\.csv:2: a quote is not closed, or is followed by text\. Fix: close it"):
        read(tmp_path, {"path": written(tmp_path, 'user,item\nu0,"Side" B 0\nu1,"Side" B 1\n')} | LOG)


@pytest.mark.parametrize("n_lines", [3, 2_000_000])  # the second: 18 MB in one field, more than the reader has in memory
def test_a_line_break_in_quotes_is_one_field_whatever_its_length(tmp_path: Path, n_lines: int) -> None:
    content = plain(3)
    content[1][2] = '"' + "words, \n" * n_lines + 'and ""more"""'
    found = read(tmp_path, {"path": written(tmp_path, rows(content))} | LOG).interactions
    assert found["user_id"].tolist() == ["u0", "u1", "u2"]


def test_many_line_breaks_in_a_large_file(tmp_path: Path) -> None:
    """Over the size of a block, which would be cut at a line break inside quotes."""
    content = [[f"u{k % 9}", f"i{k}", '"one\nother, line"'] for k in range(700_000)]
    found = read(tmp_path, {"path": written(tmp_path, rows(content))} | LOG).interactions
    assert found["item_id"].iloc[[0, -1]].tolist() == ["i0", "i699999"]
    assert len(found) == 700_000


def relation(path: str, **changes: Any) -> dict[str, Any]:
    return {"path": path, "between": ["user", "user"], "head": "a", "tail": "b"} | changes


def prepared(folder: Path, log: str, relations: dict[str, Any]) -> Processed:
    raw = read(folder, {"path": written(folder, log)} | LOG, relations)
    return preprocess(raw, min_rating=None, k=0, splitting=Splitting())


FORMS = [
    ("7.0", "7", "'7' is '7.0' there"),
    ("7", "7.0", "'7.0' is '7' there"),
    ("007", "7", "'7' is '007' there"),
    ("Jos\u00e9", "Jose\u0301", "'Jose\u0301' is 'Jos\u00e9' there"),
    ("Ann", "ann", "'ann' is 'Ann' there"),
    ("ann", " ann ", "' ann ' is 'ann' there"),
]


@pytest.mark.parametrize(("there", "here", "example"), FORMS)
def test_a_relation_whose_ids_have_another_form(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, there: str, here: str, example: str
) -> None:
    """Refused where no link is left; said where some are."""
    log = "user,item\n" + "".join(f"{user},i{k}\n" for user in (there, "other", "third") for k in range(4))
    links = relation(written(tmp_path, f"a,b\n{here},other\nother,{here}\n", "f.csv"))
    with pytest.raises(InputError) as refused:
        prepared(tmp_path, log, {"friends": links})
    found = f"all 2 links are of users or items that are not in the interactions (1 of them in another form: {example})"
    assert str(refused.value) == f"friends: {found}. Fix: write ids as in the interactions"
    (tmp_path / "raw").rename(tmp_path / "first")
    links = relation(written(tmp_path, f"a,b\n{here},other\nthird,other\n", "f.csv"))
    processed = prepared(tmp_path, log, {"friends": links})
    assert processed.sides["friends"].links.heads.size == 1
    assert f"friends: some users or items are not in the interactions (1 of them in another form: {example})" in caplog.text


def test_a_relation_that_covers_nobody_is_refused(tmp_path: Path) -> None:
    log = "user,item\n" + "".join(f"u{n},i{k}\n" for n in range(3) for k in range(4))
    for links, why in (
        ("x,y\n", "all 1 links are of users or items that are not in the interactions"),
        ("u1,u1\nu2,u2\n", "all 2 links are with oneself"),
    ):
        of = relation(written(tmp_path, "a,b\n" + links, "f.csv"))
        with pytest.raises(InputError) as refused:
            prepared(tmp_path, log, {"friends": of})
        assert str(refused.value) == f"friends: {why}. Fix: check its columns, or leave it out"
        (tmp_path / "raw").rename(tmp_path / why)


@pytest.mark.parametrize(("dtype", "largest"), [("float16", 2**11), ("float32", 2**24), ("float64", 2**53)])
def test_ids_in_floats_that_cannot_hold_them_are_refused(tmp_path: Path, dtype: str, largest: int) -> None:
    """40 users from 2^24 on are 21 in float32."""
    for first, is_read in ((largest - 41, True), (largest - 1, False)):
        ids = np.arange(first, first + 40).astype(dtype)
        pd.DataFrame({"user": ids, "item": range(40)}).to_parquet(tmp_path / "log.parquet")
        if is_read:
            assert read(tmp_path, {"path": str(tmp_path / "log.parquet")} | LOG).interactions["user_id"].nunique() == 40
        else:
            with pytest.raises(InputError, match=r"log\.parquet user: holds integers too large for .*Fix: store it as text"):
                read(tmp_path, {"path": str(tmp_path / "log.parquet")} | LOG)
        (tmp_path / "raw").rename(tmp_path / str(first))


def timed(times: Sequence[object]) -> str:
    return rows([[f"u{n % 5}", f"i{n}", time] for n, time in enumerate(times)], "user,item,t\n")


@pytest.mark.parametrize(
    ("unit", "usual", "other", "words"),
    [
        ("ms", 1_700_000_000_000, 1_700_000_000, "milliseconds"),
        ("us", 1_700_000_000_000_000, 1_700_000_000_000, "microseconds"),
        ("ns", 1_700_000_000_000_000_000, 1_700_000_000, "nanoseconds"),
        ("s", 1_700_000_000, 0, "seconds"),
        ("d", 19_700, 0, "days"),
    ],
)
def test_times_in_several_units_are_refused_with_their_rows(
    tmp_path: Path, unit: str, usual: int, other: int, words: str
) -> None:
    """Also 0 for "not known"."""
    log = written(tmp_path, timed([usual] * 16 + [other] * 2))
    with pytest.raises(InputError) as refused:
        read(tmp_path, {"path": log, "unit": unit} | TIMED)
    fix = f"write it in {words}, as the others are, or leave the row out"
    assert list(refused.value.problems) == [f"{log}:{row} timestamp: found '{other}'. Fix: {fix}" for row in (18, 19)]


@pytest.mark.parametrize(
    ("times", "problem"),
    [
        ([20240501, 20240502], "the latest on 1970-08-23; they look like YYYYMMDD, which is iso"),
        ([19850, 19851], "the latest on 1970-01-01"),
        ([1, 2], "the latest on 1970-01-01"),
    ],
)
def test_days_and_counters_are_not_taken_for_seconds(tmp_path: Path, times: list[int], problem: str) -> None:
    log = written(tmp_path, timed(times))
    with pytest.raises(InputError) as refused:
        read(tmp_path, {"path": log} | TIMED)
    assert str(refused.value) == f"{log} timestamp: read as seconds, all lie before 1990, {problem}. Fix: {UNIT}"


@pytest.mark.parametrize(
    ("times", "unit", "seconds"),
    [
        (["20240501", "20240502"], "iso", [1714521600, 1714608000]),
        ([19844, 19845], "d", [1714521600, 1714608000]),
        ([3, 0], "order", [3, 0]),
    ],
)
def test_days_and_counters_have_units_of_their_own(tmp_path: Path, times: list[object], unit: str, seconds: list[int]) -> None:
    found = read(tmp_path, {"path": written(tmp_path, timed(times)), "unit": unit} | TIMED).interactions
    assert found["timestamp"].tolist() == seconds


def test_words_above_numbers_are_a_header(tmp_path: Path) -> None:
    form = {"path": written(tmp_path, "userId,movieId\n0,0\n1,1\n"), "user": 1, "item": 2}
    with pytest.raises(InputError) as refused:
        read(tmp_path, form)
    problem = "looks like a header ('userId' above numbers). Fix: set header: true, or header: false if it is data"
    assert str(refused.value) == f"{tmp_path / 'clicks.csv'}:1: {problem}"
    for header, n in ((True, 2), (False, 3)):
        (tmp_path / "raw").rename(tmp_path / str(header))
        assert len(read(tmp_path, form | {"header": header}).interactions) == n


@pytest.mark.parametrize("path", ["logs/*.csv", "logs", "~/logs", "$HOME/logs/day*.csv"])
def test_several_files_are_one_table_and_each_fault_names_its_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    logs = tmp_path / "logs"
    logs.mkdir()
    for day in ("1", "10", "2"):
        (logs / f"day{day}.csv").write_text(f"user,item\nu{day},i\n")
    (logs / "_SUCCESS").touch()
    found = read(tmp_path, {"path": path} | LOG).interactions
    assert found["user_id"].tolist() == ["u1", "u10", "u2"]
    (logs / "day10.csv").write_text("user,item\n,i\n")
    (logs / "day2.csv").write_text("user,item\nu,\n")
    (tmp_path / "raw").rename(tmp_path / "first")
    with pytest.raises(InputError) as refused:
        read(tmp_path, {"path": path} | LOG)
    assert [line.partition(": ")[0] for line in refused.value.problems] == ["day10.csv:2 user_id", "day2.csv:2 item_id"]


def test_a_folder_of_daily_partitions(tmp_path: Path) -> None:
    for day in range(3):
        part = tmp_path / "log" / f"day={day}"
        part.mkdir(parents=True)
        pd.DataFrame({"user": [day, 7], "item": ["a", "b"]}).to_parquet(part / "part-0.parquet")
    found = read(tmp_path, {"path": str(tmp_path / "log")} | LOG).interactions
    assert found["user_id"].tolist() == ["0", "7", "1", "7", "2", "7"]
    with pytest.raises(InputError, match=r"log: 3 files, and sha256 is of one\. Fix: remove sha256"):
        custom({"interactions": {"path": str(tmp_path / "log"), "sha256": "0" * 64} | LOG}).fetch(tmp_path / "raw")
