"""Own data sets: the forms in which public logs come."""

import gzip
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from pipeline.errors import InputError
from tests.datasets._custom import CLICKS, COLUMNS, FRIENDS, read, written


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
    assert found.relations["friends"].kind == "undirected"
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
    with pytest.raises(InputError, match=r"f\.parquet u: holds integers too large for double\. Fix: store it as text"):
        read(tmp_path, {"path": str(tmp_path / "f.parquet"), "user": "u", "item": "i"})
