from pathlib import Path

import pytest

from pipeline.data.raw.text import read_text
from pipeline.errors import InputError

RATED = ["user_id", "item_id", "rating"]


def written(folder: Path, content: str | bytes) -> Path:
    path = folder / "t.csv"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def test_ids_stay_the_text_that_they_are(tmp_path: Path) -> None:
    ids = ["007", "NA", "null", "9007199254740993", " a b ", "ü", '"x']
    path = written(tmp_path, "".join(f"{one},i\n" for one in ids))
    assert read_text(path, ",", ["user_id", "item_id"])["user_id"].tolist() == ids


def test_a_header_must_name_the_columns(tmp_path: Path) -> None:
    with pytest.raises(InputError) as refused:
        read_text(written(tmp_path, "user,item\na,b\n"), ",", ["user_id", "item_id"], header=True)
    expected = "t.csv: has no column 'user_id'. Fix: write 'user' (valid: user, item)"
    assert str(refused.value) == expected


@pytest.mark.parametrize(
    ("content", "problems"),
    [
        ("a,b,1\nc,d\n", ["t.csv:2: 2 fields instead of 3. Fix: write 3 fields separated by ','"]),
        ("a,b,1\nc,d,2,x\n", ["t.csv:2: 4 fields instead of 3. Fix: write 3 fields separated by ','"]),
        ("a,b,good\n", ["t.csv:1 rating: found 'good'. Fix: write a finite number"]),
        (
            "a,b,inf\na,c,nan\n",
            [
                "t.csv:1 rating: found 'inf'. Fix: write a finite number",
                "t.csv:2 rating: found 'nan'. Fix: write a finite number",
            ],
        ),
        (",b,1\n", ["t.csv:1 user_id: found ''. Fix: write an id"]),
    ],
)
def test_a_broken_row_is_named(tmp_path: Path, content: str, problems: list[str]) -> None:
    with pytest.raises(InputError) as refused:
        read_text(written(tmp_path, content), ",", RATED)
    assert list(refused.value.problems) == problems


UNITS = ", or set its unit (s, ms, us, ns, d, iso, order)"


@pytest.mark.parametrize("value", ["1.5", "", "x", "1e9"])
def test_a_timestamp_is_a_whole_number(tmp_path: Path, value: str) -> None:
    with pytest.raises(InputError) as refused:
        read_text(written(tmp_path, f"a,b,12\na,c,{value}\n"), ",", ["user_id", "item_id", "timestamp"])
    assert str(refused.value) == f"t.csv:2 timestamp: found {value!r}. Fix: write a whole number of seconds{UNITS}"


def test_an_empty_file_and_a_wrong_encoding_are_refused(tmp_path: Path) -> None:
    for content, line in (
        (b"", "t.csv: is empty. Fix: provide a file with at least one row"),
        (b"a,b,1\n\xff\xfe,b,1\n", "t.csv:2: is not utf-8 text. Fix: convert the file, or set its encoding"),
    ):
        with pytest.raises(InputError) as refused:
            read_text(written(tmp_path, content), ",", RATED)
        assert str(refused.value) == line


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError) as refused:
        read_text(tmp_path / "none.csv", ",", RATED)
    expected = f"{tmp_path / 'none.csv'}: there is no such file. Fix: run the stage that makes it (dvc repro)"
    assert str(refused.value) == expected


def test_many_problems_are_counted_and_twenty_shown(tmp_path: Path) -> None:
    with pytest.raises(InputError) as refused:
        read_text(written(tmp_path, "a,b\n" * 33), ",", RATED)
    lines = str(refused.value).splitlines()
    assert len(lines) == 21
    assert lines[-1] == "... and 13 more problems"


def test_an_empty_line_is_dropped_and_the_others_keep_their_numbers(tmp_path: Path) -> None:
    assert len(read_text(written(tmp_path, "a,b,1\n\na,b,2\n"), ",", RATED)) == 2
    with pytest.raises(InputError, match=r"t\.csv:3: 2 fields instead of 3"):
        read_text(written(tmp_path, "a,b,1\n\na,b\n"), ",", RATED)
