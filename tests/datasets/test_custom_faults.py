"""Own data sets: what is refused, in one line."""

import gzip
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from pipeline.errors import InputError, IntegrityError, MachineError
from tests.datasets._custom import CLICKS, COLUMNS, FRIENDS, read, written

RATING = "a finite number"
SECONDS = "a whole number of seconds"
UNITS = ", or set its unit (s, ms, us, ns, d, iso, order)"

BAD_FIELDS = [
    *(("stars", value, RATING) for value in ("", "x", "nan", "NaN", "inf", "-inf", "1e999", "½", "4 stars", "None", "--1")),
    *(("stars", value, f"{RATING} with a decimal point") for value in ("4,5", "-0,25")),
    *(
        ("when", value, SECONDS + UNITS)
        for value in ("", "x", "1.5", "1e9", "2023-11-14", "NaN", "99999999999999999999", "1 700", "+1", "0x5", "\u0661\u0667")
    ),
    *(
        ("when", value, f"{SECONDS} between 1970 and now{UNITS}")
        for value in ("-1", "-2208988800", "1700000000000", "1700000000000000", "9999999999", "32503680000")
    ),
    ("user", "", "an id"),
    ("item", "", "an id"),
    ("user", '"a\nb"', "an id without line breaks (a quote may be unclosed)"),
    ("item", '"a\r\nb"', "an id without line breaks (a quote may be unclosed)"),
]


@pytest.mark.parametrize(("field", "value", "asked"), BAD_FIELDS)
@pytest.mark.parametrize("row", [2, 4])
def test_a_wrong_field_is_named_with_its_row(tmp_path: Path, field: str, value: str, asked: str, row: int) -> None:
    rows = [["u1", "i1", "4", "1700000000"] for _ in range(3)]
    shown = value.strip('"')
    rows[row - 2][list(COLUMNS.values()).index(field)] = value if '"' in value else f'"{value}"'
    content = "user,item,stars,when\n" + "".join(",".join(fields) + "\n" for fields in rows)
    ours = {
        theirs: name for name, theirs in {"user_id": "user", "item_id": "item", "rating": "stars", "timestamp": "when"}.items()
    }
    with pytest.raises(InputError) as refused:
        read(tmp_path, {"path": written(tmp_path, content)} | COLUMNS)
    expected = f"{tmp_path / 'clicks.csv'}:{row} {ours[field]}: found {shown!r}. Fix: write {asked}"
    assert list(refused.value.problems) == [expected]


CLOSE = "close it before the separator, double quotes inside a field, or set quote: null if quotes mean nothing here"
NOT_CLOSED = f"a quote is not closed, or is followed by text. Fix: {CLOSE}"

BAD_FILES: list[tuple[bytes | str, dict[str, Any], str]] = [
    ("", {}, ": is empty. Fix: provide a file with at least one row"),
    ("user,item,stars,when\n", {}, ": has no rows. Fix: provide a file with at least one row"),
    (CLICKS + "u3,i3,4\n", {}, ":4: 3 fields instead of 4. Fix: write 4 fields separated by ','"),
    (CLICKS + "u3,i3,4,1700000000,more\n", {}, ":4: 5 fields instead of 4. Fix: write 4 fields separated by ','"),
    (CLICKS + "u3\n", {}, ":4: 1 fields instead of 4. Fix: write 4 fields separated by ','"),
    (CLICKS.replace("stars", "rating"), {}, ": has no column 'stars'. Fix: use a valid name (valid: user, item, rating, when)"),
    (CLICKS.replace("user", "users"), {}, ": has no column 'user'. Fix: write 'users' (valid: users, item, stars, when)"),
    (CLICKS.replace("user", "User"), {}, ": has no column 'user'. Fix: write 'User' (valid: User, item, stars, when)"),
    (CLICKS.replace("stars", "user"), {}, ": has 2 columns 'user'. Fix: use the number of the intended column, counted from 1"),
    (CLICKS, {"separator": ";"}, ": has only one field per row when split at ';'. Fix: set its separator"),
    (CLICKS, {"separator": "\t"}, ": has only one field per row when split at '\\t'. Fix: set its separator"),
    (CLICKS, {"separator": "::"}, ": has only one field per row when split at '::'. Fix: set its separator"),
    (CLICKS, {"user": 5}, ": has 4 columns, but column 5 is requested. Fix: use 1 to 4"),
    (CLICKS, {"header": False}, ": has no header in which to find 'user'. Fix: use the column number, counted from 1"),
    (CLICKS.encode("utf-16"), {}, ":1: is not utf-8 text. Fix: convert the file, or set its encoding"),
    (CLICKS.replace("u1", "ü").encode("latin-1"), {}, ":2: is not utf-8 text. Fix: convert the file, or set its encoding"),
    (CLICKS.replace("NA", "é").encode("cp1252"), {}, ":3: is not utf-8 text. Fix: convert the file, or set its encoding"),
    (CLICKS.replace("u1", "ü"), {"encoding": "ascii"}, ":2: is not ascii text. Fix: convert the file, or set its encoding"),
    ('user,item,stars,when\n"u1,007,4.5,1700000000\n', {}, f":2: {NOT_CLOSED}"),
    (
        "1::2\n3::4::5\n",
        {"separator": "::", "header": False, "user": 1, "item": 2, "rating": None, "timestamp": None},
        ":2: 3 fields instead of 2. Fix: write 2 fields separated by '::'",
    ),
    (
        "1::2\n3:4\n",
        {"separator": "::", "header": False, "user": 1, "item": 2, "rating": None, "timestamp": None},
        ":2: 1 fields instead of 2. Fix: write 2 fields separated by '::'",
    ),
]


@pytest.mark.parametrize(("content", "changes", "line"), BAD_FILES)
def test_a_broken_file_is_refused_in_one_line(tmp_path: Path, content: bytes | str, changes: dict[str, Any], line: str) -> None:
    path = written(tmp_path, content)
    with pytest.raises(InputError) as refused:
        read(tmp_path, {"path": path} | COLUMNS | changes)
    assert str(refused.value) == path + line


def test_empty_lines_are_dropped_and_counted_and_rows_keep_their_numbers(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    for separator in (",", "::"):
        content = (CLICKS.replace("u2", "\nu2") + "\n\n").replace(",", separator)
        form = COLUMNS | {"separator": separator}
        found = read(tmp_path, {"path": written(tmp_path, content)} | form).interactions
        assert found["user_id"].tolist() == ["u1", "u2"]
        assert "clicks.csv: 3 empty rows dropped" in caplog.text
        (tmp_path / "raw").rename(tmp_path / f"raw{len(separator)}")
        with pytest.raises(InputError, match=r"clicks\.csv:4 rating: found 'x'"):
            read(
                tmp_path,
                {"path": written(tmp_path, content.replace(f"{separator}3{separator}", f"{separator}x{separator}"))} | form,
            )
        (tmp_path / "raw").rename(tmp_path / f"bad{len(separator)}")


@pytest.mark.parametrize(
    ("field", "value", "asked"),
    [
        *(("strength", value, "a number > 0 and <= 1e100") for value in ("", "0", "-1", "nan", "inf", "x", "-0.0", "1e308")),
        ("a", "", "an id"),
        ("b", "", "an id"),
    ],
)
def test_a_wrong_link_is_named(tmp_path: Path, field: str, value: str, asked: str) -> None:
    row = {"a": "u1", "b": "u2", "strength": "1"} | {field: value}
    links = written(tmp_path, FRIENDS + ",".join(row.values()) + "\n", "f.csv")
    friends = {"path": links, "between": ["user", "user"], "head": "a", "tail": "b", "weight": "strength"}
    ours = {"a": "head_id", "b": "tail_id", "strength": "weight"}[field]
    with pytest.raises(InputError) as refused:
        read(tmp_path, {"path": written(tmp_path, CLICKS)} | COLUMNS, {"friends": friends})
    assert str(refused.value) == f"{links}:4 {ours}: found {value!r}. Fix: write {asked}"


def test_a_column_without_a_good_value_is_one_fault_and_many_faults_are_counted(tmp_path: Path) -> None:
    rows = "".join(f"u{n},i,4,{1_700_000_000_000 + n}\n" for n in range(1000))
    path = written(tmp_path, "user,item,stars,when\n" + rows)
    with pytest.raises(InputError) as refused:
        read(tmp_path, {"path": path} | COLUMNS)
    fix = "write a whole number of seconds between 1970 and now, or set its unit (s, ms, us, ns, d, iso, order)"
    assert str(refused.value) == f"{path} timestamp: all 1,000 values are invalid, the first is '1700000000000'. Fix: {fix}"
    (tmp_path / "raw").rename(tmp_path / "first")
    path = written(tmp_path, CLICKS + "u,i,x,1700000000\n" * 50)
    with pytest.raises(InputError) as refused:
        read(tmp_path, {"path": path} | COLUMNS)
    assert len(refused.value.problems) == len(refused.value.table) == 50
    assert str(refused.value).splitlines()[-1] == "... and 30 more problems"


def test_parquet_of_another_type_or_broken(tmp_path: Path) -> None:
    pd.DataFrame({"u": [["a"], ["b"]], "i": ["x", "y"]}).to_parquet(tmp_path / "t.parquet")
    with pytest.raises(InputError, match=r"t\.parquet u: is of type list.*\. Fix: store it as text or numbers"):
        read(tmp_path, {"path": str(tmp_path / "t.parquet"), "user": "u", "item": "i"})
    (tmp_path / "raw").rename(tmp_path / "first")
    with pytest.raises(InputError, match=r"broken\.parquet: cannot be read as Parquet"):
        read(tmp_path, {"path": written(tmp_path, b"PAR1 and no more", "broken.parquet")} | COLUMNS)
    (tmp_path / "raw").rename(tmp_path / "second")
    pd.DataFrame({"u": ["a", None], "i": ["x", "y"]}).to_parquet(tmp_path / "n.parquet")
    with pytest.raises(InputError, match=r"n\.parquet:2 user_id: found ''\. Fix: write an id"):
        read(tmp_path, {"path": str(tmp_path / "n.parquet"), "user": "u", "item": "i"})


def test_places_without_a_file(tmp_path: Path) -> None:
    for address, error, line in (
        (str(tmp_path / "none.csv"), InputError, r"none\.csv: there is no such file\. Fix: correct its path"),
        (str(tmp_path / "*.tsv"), InputError, r"\*\.tsv: there is no file in it\. Fix: correct its path"),
        ("gopher://host/file.csv", InputError, r"cannot be opened: Protocol not known: gopher"),
        ("http://127.0.0.1:9/clicks.csv", MachineError, r"cannot be read: .*Fix: check the network and try again"),
    ):
        with pytest.raises(error, match=line):
            read(tmp_path, {"path": address} | COLUMNS)
        (tmp_path / "raw").rename(tmp_path / f"raw-{abs(hash(address))}")


def test_a_wrong_checksum(tmp_path: Path) -> None:
    with pytest.raises(IntegrityError, match=r"clicks\.csv: sha256 is [0-9a-f]{64}, expected 0{64}\. Fix: get the right file"):
        read(tmp_path, {"path": written(tmp_path, CLICKS), "sha256": "0" * 64} | COLUMNS)


def packed_wrong(content: bytes) -> bytes:
    return gzip.compress(content)[:-12]


@pytest.mark.parametrize(
    ("content", "changes", "line"),
    [
        (packed_wrong(CLICKS.encode() * 1000), {}, ": cannot be decompressed ("),
        (b"\x1f\x8b no gzip", {}, ": cannot be decompressed ("),
        (b"BZh no bzip2 at all", {}, ": cannot be decompressed ("),
        (b"PK\x03\x04 anything", {}, ": is a zip archive. Fix: write zip://<file in it>::"),
        (
            b"PK\x03\x04 [Content_Types].xml",
            {},
            ": is an Excel table. Fix: store it as Parquet or CSV, with pandas: read_excel(",
        ),
        (b"\xd0\xcf\x11\xe0 anything", {}, ": is an Excel table. Fix: store it as Parquet or CSV, with pandas: read_excel("),
        (b"ARROW1 anything", {}, ": is an Arrow file. Fix: store it as Parquet or CSV, with pandas: read_feather("),
        (b"SQLite format 3", {}, ": is a database. Fix: store it as Parquet or CSV, with pandas: read_sql("),
        (b'{"user": 1, "item": 2}\n', {}, ": is JSON. Fix: store it as Parquet or CSV, with pandas: read_json("),
        (b'[\n{"user": 1, "item": 2}]', {}, ": is JSON. Fix: store it as Parquet or CSV, with pandas: read_json("),
        (b"\xfd7zXZ\x00 anything", {}, ": is an xz archive. Fix: unpack it"),
        (b"PAR1 no table", {}, ": cannot be read as Parquet ("),
        (bytes(range(128, 256)) * 50, {}, ":1: is not utf-8 text. Fix: convert the file, or set its encoding"),
        (b"user,item,stars,when\n\xff\n", {}, ":2: is not utf-8 text. Fix: convert the file, or set its encoding"),
        ((CLICKS + "u,i\n").encode("utf-16"), {"encoding": "utf-16"}, ":4: 2 fields instead of 4. Fix: write 4 fields"),
        (CLICKS.encode("utf-16") + b"\x00\xd8", {"encoding": "utf-16"}, ": is not utf-16 text. Fix: convert the file"),
        ("# graph\n1 2\n", {}, ": has only one field per row when split at ','. Fix: set its separator"),
        (
            "x,y\n" * 3,
            {"user": 1, "item": 2, "header": True, "rating": 3, "timestamp": None},
            ": has 2 columns, but column 3 is requested.",
        ),
        (
            CLICKS.replace("1700000000", "1600"),
            {"unit": "ms"},
            "all lie before 1990, the latest on 1970-01-20. Fix: set its unit (s, ms, us, ns, d, iso, order)",
        ),
        ("user,item,stars,when\nu,i,4,now\n", {"unit": "iso"}, ":2 timestamp: found 'now'. Fix: write an ISO 8601 date"),
        ("user,item,stars,when\nu,i,4,2023-13-40\n", {"unit": "iso"}, ":2 timestamp: found '2023-13-40'. Fix: write an ISO"),
    ],
)
def test_what_is_no_table_is_refused_in_one_short_line(
    tmp_path: Path, content: bytes | str, changes: dict[str, Any], line: str, capfd: pytest.CaptureFixture[str]
) -> None:
    path = written(tmp_path, content)
    with pytest.raises(InputError) as refused:
        read(tmp_path, {"path": path} | COLUMNS | changes)
    (only,) = str(refused.value).splitlines()
    assert only.startswith(path)
    assert line in only
    assert "Traceback" not in capfd.readouterr().err


def test_a_line_stays_short_whatever_was_found(tmp_path: Path) -> None:
    rows = "".join(f"{n}\n" for n in range(20_000))
    path = written(tmp_path, f'user,item\n"a,1\n{rows}","x"\n')
    with pytest.raises(
        InputError, match=r"clicks\.csv:2 user_id: found 'a,1.*characters\)\. Fix: write an id without line breaks"
    ) as one:
        read(tmp_path, {"path": path, "user": "user", "item": "item"})
    (tmp_path / "raw").rename(tmp_path / "first")
    path = written(tmp_path, ",".join(f"column{n}" for n in range(5000)) + "\n" + ",".join(["x"] * 5000) + "\n")
    with pytest.raises(InputError, match=r"has no column 'usr'\. .* more\)") as other:
        read(tmp_path, {"path": path, "user": "usr", "item": "column1"})
    assert max(len(str(error.value)) for error in (one, other)) < 1500


def test_the_faults_of_all_files_are_reported_together(tmp_path: Path) -> None:
    links = {"path": written(tmp_path, FRIENDS, "f.csv"), "between": ["user", "user"], "head": "nope", "tail": "b"}
    with pytest.raises(InputError) as refused:
        read(tmp_path, {"path": written(tmp_path, CLICKS + "u,i,x,1700000000\n")} | COLUMNS, {"friends": links})
    first, second = refused.value.problems
    assert "clicks.csv:4 rating: found 'x'" in first
    assert "f.csv: has no column 'nope'" in second
