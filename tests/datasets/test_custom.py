"""Own data sets: the forms in which public logs come, and what is refused in one line."""

import gzip
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from pipeline.data.description import Description
from pipeline.data.tables import RawTables
from pipeline.datasets.custom import custom
from pipeline.errors import InputError, IntegrityError, MachineError

CLICKS = "user,item,stars,when\nu1,007,4.5,1700000000\nu2,NA,3,1700000001\n"
COLUMNS = {"user": "user", "item": "item", "rating": "stars", "timestamp": "when"}
FRIENDS = "a,b,strength\nu1,u2,0.5\nu2,u3,2\n"


def read(folder: Path, interactions: dict[str, Any], relations: dict[str, Any] | None = None) -> RawTables:
    """As the stages do: fetch into a folder, then read that folder."""
    dataset = custom(Description.model_validate({"interactions": interactions, "relations": relations or {}}))
    raw = folder / "raw"
    raw.mkdir()
    dataset.fetch(raw)
    return dataset.read(raw)


def written(folder: Path, content: str | bytes, name: str = "clicks.csv") -> str:
    (folder / name).write_bytes(content.encode() if isinstance(content, str) else content)
    return str(folder / name)


@pytest.mark.parametrize(
    ("content", "form"),
    [
        ("user,item,stars,when\nu1,i1,4,1700000000\nu2,i 2,3,1700000001\n", COLUMNS),
        ("user\titem\tstars\twhen\nu1\ti1\t4\t1700000000\nu2\ti 2\t3\t1700000001\n", COLUMNS | {"separator": "\t"}),
        (
            "u1::i1::4::1700000000\nu2::i 2::3::1700000001\n",
            {"user": 1, "item": 2, "rating": 3, "timestamp": 4, "separator": "::", "header": False},
        ),
        (
            "user::item::stars::when\nu1::i1::4::1700000000\nu2::i 2::3::1700000001\n",
            COLUMNS | {"separator": "::"},
        ),
        (
            "x|4|1700000000|i1|u1\ny|3|1700000001|i 2|u2\n",
            {"user": 5, "item": 4, "rating": 2, "timestamp": 3, "separator": "|", "header": False},
        ),
        ('"user","item","stars","when"\n"u1","i1","4","1700000000"\n"u2","i 2","3","1700000001"\n', COLUMNS),
        ("\ufeffuser,item,stars,when\r\nu1,i1,4,1700000000\r\nu2,i 2,3,1700000001\r\n", COLUMNS),
        ("user,item,stars,when,more\nu1,i1,4,1700000000,x\nu2,i 2,3,1700000001,\n", COLUMNS),
        ("user,item,stars,when\nu1,i1,4,1700000000500\nu2,i 2,3,1700000001000\n", COLUMNS | {"unit": "ms"}),
        ("user,item,stars,when\nu1,i1,4,1700000000000000000\nu2,i 2,3,1700000001000000000\n", COLUMNS | {"unit": "ns"}),
        (
            "user,item,stars,when\nu1,i1,4,2023-11-14T22:13:20\nu2,i 2,3,2023-11-14T23:13:21+01:00\n",
            COLUMNS | {"unit": "iso"},
        ),
    ],
)
def test_the_forms_in_which_logs_come(tmp_path: Path, content: str, form: dict[str, Any]) -> None:
    found = read(tmp_path, {"path": written(tmp_path, content)} | form).interactions
    rows = {
        "user_id": ["u1", "u2"],
        "item_id": ["i1", "i 2"],
        "rating": [4.0, 3.0],
        "timestamp": [1_700_000_000, 1_700_000_001],
    }
    assert found.to_dict("list") == rows


def test_compressed_and_parquet_and_other_encodings(tmp_path: Path) -> None:
    packed = read(tmp_path, {"path": written(tmp_path, gzip.compress(CLICKS.encode()), "clicks.csv.gz")} | COLUMNS)
    assert packed.interactions["item_id"].tolist() == ["007", "NA"]
    (tmp_path / "raw").rename(tmp_path / "first")
    latin = written(tmp_path, "user,item\nü,é\n".encode("latin-1"))
    assert (
        read(tmp_path, {"path": latin, "encoding": "latin-1", "user": "user", "item": "item"}).interactions["user_id"][0] == "ü"
    )
    (tmp_path / "raw").rename(tmp_path / "second")
    moments = pd.to_datetime(["2023-11-14 22:13:20", "2023-11-14 22:13:21"])
    pd.DataFrame({"u": [7, 9007199254740993], "i": ["a", "b"], "t": moments}).to_parquet(tmp_path / "clicks.parquet")
    described = {"path": str(tmp_path / "clicks.parquet"), "user": "u", "item": "i", "timestamp": "t", "unit": "iso"}
    found = read(tmp_path, described).interactions
    assert found["user_id"].tolist() == ["7", "9007199254740993"]
    assert found["timestamp"].tolist() == [1_700_000_000, 1_700_000_001]


@pytest.mark.parametrize(
    "one", ["007", "NA", "null", "nan", "1e3", "9007199254740993", " a b ", "ü", "日本", "😀", "True", "-", "0x1F"]
)
def test_ids_stay_the_text_that_they_are(tmp_path: Path, one: str) -> None:
    found = read(tmp_path, {"path": written(tmp_path, f"user,item\n{one},{one}\nx,y\n"), "user": "user", "item": "item"})
    assert found.interactions.iloc[0].to_dict() == {"user_id": one, "item_id": one}


def test_an_own_split_and_relations(tmp_path: Path) -> None:
    clicks, held = written(tmp_path, CLICKS), written(tmp_path, CLICKS, "held.csv")
    friends = {"path": written(tmp_path, FRIENDS, "f.csv"), "between": ["user", "user"], "head": "a", "tail": 2, "weight": 3}
    found = read(tmp_path, {"path": clicks, "valid": held, "test": held} | COLUMNS, {"friends": friends})
    assert found.interactions["part"].tolist() == ["train", "train", "valid", "valid", "test", "test"]
    assert found.relations["friends"].form == "undirected"
    assert found.relations["friends"].table.to_dict("list") == {
        "head_id": ["u1", "u2"],
        "tail_id": ["u2", "u3"],
        "weight": [0.5, 2.0],
    }


def test_a_tail_may_list_several(tmp_path: Path) -> None:
    films = written(tmp_path, "007,Action|Sci-Fi|x.y\nNA,\n3,Drama\n", "films.csv")
    genres = {"path": films, "header": False, "between": ["item", "genre"], "head": 1, "tail": 2, "tail_separator": "|"}
    clicks = {"path": written(tmp_path, CLICKS)} | COLUMNS
    found = read(tmp_path, clicks, {"genre": genres}).relations["genre"].table
    assert found.to_dict("list") == {"head_id": ["007", "007", "007", "3"], "tail_id": ["Action", "Sci-Fi", "x.y", "Drama"]}
    (tmp_path / "raw").rename(tmp_path / "first")
    written(tmp_path, "007,Action\nNA,Drama||Action\n", "films.csv")
    with pytest.raises(InputError) as refused:
        read(tmp_path, clicks, {"genre": genres})
    assert str(refused.value) == f"{films}:2 tail_id: found ''. Fix: write an id"


RATING = "a finite number"
SECONDS = "a whole number of seconds"
UNITS = ", or name its unit (s, ms, us, ns, iso)"
BAD_FIELDS = [
    *(
        ("stars", value, RATING)
        for value in ("", "x", "nan", "NaN", "inf", "-inf", "4,5", "1e999", "½", "4 stars", "None", "--1")
    ),
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
    ("user", '"a\nb"', "an id in one line (a quote may be left open)"),
    ("item", '"a\r\nb"', "an id in one line (a quote may be left open)"),
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


BAD_FILES: list[tuple[bytes | str, dict[str, Any], str]] = [
    ("", {}, ": is empty. Fix: write the table into it"),
    ("user,item,stars,when\n", {}, ": has no rows. Fix: write the table into it"),
    (CLICKS + "u3,i3,4\n", {}, ":4: 3 fields instead of 4. Fix: write 4 fields separated by ','"),
    (CLICKS + "u3,i3,4,1700000000,more\n", {}, ":4: 5 fields instead of 4. Fix: write 4 fields separated by ','"),
    (CLICKS + "u3\n", {}, ":4: 1 fields instead of 4. Fix: write 4 fields separated by ','"),
    (CLICKS.replace("stars", "rating"), {}, ": has no column 'stars'. Fix: use a valid name (valid: user, item, rating, when)"),
    (CLICKS.replace("user", "users"), {}, ": has no column 'user'. Fix: write 'users' (valid: users, item, stars, when)"),
    (CLICKS.replace("user", "User"), {}, ": has no column 'user'. Fix: write 'User' (valid: User, item, stars, when)"),
    (CLICKS.replace("stars", "user"), {}, ": has 2 columns 'user'. Fix: write the place of the one you mean, counted from 1"),
    (CLICKS, {"separator": ";"}, ": has one field a row when split by ';'. Fix: name its separator"),
    (CLICKS, {"separator": "\t"}, ": has one field a row when split by '\\t'. Fix: name its separator"),
    (CLICKS, {"separator": "::"}, ": has one field a row when split by '::'. Fix: name its separator"),
    (CLICKS, {"user": 5}, ": has 4 columns, none at place 5. Fix: count from 1"),
    (CLICKS, {"header": False}, ": has no header that names 'user'. Fix: write the place of the column, counted from 1"),
    (CLICKS.encode("utf-16"), {}, ":1: is not utf-8 text. Fix: save it so, or name its encoding"),
    (CLICKS.replace("u1", "ü").encode("latin-1"), {}, ":2: is not utf-8 text. Fix: save it so, or name its encoding"),
    (CLICKS.replace("NA", "é").encode("cp1252"), {}, ":3: is not utf-8 text. Fix: save it so, or name its encoding"),
    (CLICKS.replace("u1", "ü"), {"encoding": "ascii"}, ":2: is not ascii text. Fix: save it so, or name its encoding"),
    ('user,item,stars,when\n"u1,007,4.5,1700000000\n', {}, ":2: 1 fields instead of 4. Fix: write 4 fields separated by ','"),
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
        *(
            ("strength", value, "a number above 0, at most 1e100")
            for value in ("", "0", "-1", "nan", "inf", "x", "-0.0", "1e308")
        ),
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
    fix = "write a whole number of seconds between 1970 and now, or name its unit (s, ms, us, ns, iso)"
    assert str(refused.value) == f"{path} timestamp: all 1,000 values are wrong, the first is '1700000000000'. Fix: {fix}"
    (tmp_path / "raw").rename(tmp_path / "first")
    path = written(tmp_path, CLICKS + "u,i,x,1700000000\n" * 50)
    with pytest.raises(InputError) as refused:
        read(tmp_path, {"path": path} | COLUMNS)
    assert len(refused.value.problems) == len(refused.value.table) == 50
    assert str(refused.value).splitlines()[-1] == "... and 30 more problems"


def test_parquet_of_another_type_or_broken(tmp_path: Path) -> None:
    pd.DataFrame({"u": [["a"], ["b"]], "i": ["x", "y"]}).to_parquet(tmp_path / "t.parquet")
    with pytest.raises(InputError, match=r"t\.parquet u: is of type list.*\. Fix: write it as text or numbers"):
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
        (str(tmp_path), InputError, r": is a folder\. Fix: write the path of a file"),
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
        (packed_wrong(CLICKS.encode() * 1000), {}, ": cannot be unpacked ("),
        (b"\x1f\x8b no gzip", {}, ": cannot be unpacked ("),
        (b"BZh no bzip2 at all", {}, ": cannot be unpacked ("),
        (b"PK\x03\x04 anything", {}, ": is a zip archive. Fix: write zip://<file in it>::"),
        (b"\xfd7zXZ\x00 anything", {}, ": is a xz archive. Fix: unpack it"),
        (b"PAR1 no table", {}, ": cannot be read as Parquet ("),
        (bytes(range(128, 256)) * 50, {}, ":1: is not utf-8 text. Fix: save it so, or name its encoding"),
        (b"user,item,stars,when\n\xff\n", {}, ":2: is not utf-8 text. Fix: save it so, or name its encoding"),
        ((CLICKS + "u,i\n").encode("utf-16"), {"encoding": "utf-16"}, ":4: 2 fields instead of 4. Fix: write 4 fields"),
        (CLICKS.encode("utf-16") + b"\x00\xd8", {"encoding": "utf-16"}, ": is not utf-16 text. Fix: save it so"),
        ("# graph\n1 2\n", {}, ": has one field a row when split by ','. Fix: name its separator"),
        (
            "x,y\n" * 3,
            {"user": 1, "item": 2, "header": True, "rating": 3, "timestamp": None},
            ": has 2 columns, none at place 3.",
        ),
        (
            CLICKS.replace("1700000000", "1600"),
            {"unit": "ms"},
            "all lie before 1990, the last on 1970-01-20. Fix: name the unit",
        ),
        ("user,item,stars,when\nu,i,4,now\n", {"unit": "iso"}, ":2 timestamp: found 'now'. Fix: write a date and time"),
        ("user,item,stars,when\nu,i,4,2023-13-40\n", {"unit": "iso"}, ":2 timestamp: found '2023-13-40'. Fix: write a date"),
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
    rows = "".join(f"{n},b\n" for n in range(20_000))
    path = written(tmp_path, f'user,item\n"a,1\n{rows}","x"\n')
    with pytest.raises(
        InputError, match=r"clicks\.csv:2 user_id: found 'a,1.*characters\)\. Fix: write an id in one line"
    ) as one:
        read(tmp_path, {"path": path, "user": "user", "item": "item"})
    (tmp_path / "raw").rename(tmp_path / "first")
    path = written(tmp_path, ",".join(f"column{n}" for n in range(5000)) + "\n" + ",".join(["x"] * 5000) + "\n")
    with pytest.raises(InputError, match=r"has no column 'usr'\. .* more\)") as other:
        read(tmp_path, {"path": path, "user": "usr", "item": "column1"})
    assert max(len(str(error.value)) for error in (one, other)) < 1500


def test_comments_before_the_table_are_skipped(tmp_path: Path) -> None:
    path = written(tmp_path, "# edges\n# from to\n1\t2\n3\t4\n")
    form = {"path": path, "separator": "\t", "skip_rows": 2, "user": 1, "item": 2}
    assert read(tmp_path, form).interactions.to_dict("list") == {"user_id": ["1", "3"], "item_id": ["2", "4"]}


def test_without_a_word_of_it_places_mean_no_header_and_names_mean_one(tmp_path: Path) -> None:
    path = written(tmp_path, "u1,i1\nu2,i2\n")
    assert len(read(tmp_path, {"path": path, "user": 1, "item": 2}).interactions) == 2
    (tmp_path / "raw").rename(tmp_path / "first")
    assert len(read(tmp_path, {"path": path, "user": "u1", "item": 2}).interactions) == 1


def test_whole_numbers_that_parquet_holds_as_floats_are_no_other_ids(tmp_path: Path) -> None:
    frame = pd.DataFrame({"u": [25e9, 8e9, 3.0], "i": [1.0, 2.0, None], "r": [4.5, 3.0, 2.0]})
    frame.to_parquet(tmp_path / "f.parquet")
    with pytest.raises(InputError, match=r"f\.parquet:3 item_id: found ''\. Fix: write an id"):
        read(tmp_path, {"path": str(tmp_path / "f.parquet"), "user": "u", "item": "i"})
    (tmp_path / "raw").rename(tmp_path / "first")
    frame.head(2).to_parquet(tmp_path / "f.parquet")
    found = read(tmp_path, {"path": str(tmp_path / "f.parquet"), "user": "u", "item": "i", "rating": "r"}).interactions
    assert found.to_dict("list") == {"user_id": ["25000000000", "8000000000"], "item_id": ["1", "2"], "rating": [4.5, 3.0]}
    (tmp_path / "raw").rename(tmp_path / "second")
    pd.DataFrame({"u": [2.0**60], "i": [1.0]}).to_parquet(tmp_path / "f.parquet")
    with pytest.raises(InputError, match=r"f\.parquet u: holds whole numbers too large for double\. Fix: write it as text"):
        read(tmp_path, {"path": str(tmp_path / "f.parquet"), "user": "u", "item": "i"})


def test_the_faults_of_all_files_are_reported_together(tmp_path: Path) -> None:
    links = {"path": written(tmp_path, FRIENDS, "f.csv"), "between": ["user", "user"], "head": "nope", "tail": "b"}
    with pytest.raises(InputError) as refused:
        read(tmp_path, {"path": written(tmp_path, CLICKS + "u,i,x,1700000000\n")} | COLUMNS, {"friends": links})
    first, second = refused.value.problems
    assert "clicks.csv:4 rating: found 'x'" in first
    assert "f.csv: has no column 'nope'" in second
