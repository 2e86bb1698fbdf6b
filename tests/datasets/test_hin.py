"""The readers on real lines, and on the real files where they are at hand."""

from pathlib import Path

import pytest

from pipeline import plugins
from pipeline.data.tables import RawTables
from tests.real import read_real, skip_unless_at_hand

# The first lines of each file, as they are.
LINES = {
    "lastfm": {
        "user_artist.dat": "1\t46\t13883\n1\t47\t11690\n",
        "user_user(original).dat": "1\t258\n1\t401\n",
        "artist_tag.dat": "1\t546\n1\t1206\n",
    },
    "yelp": {
        "user_business.dat": "1\t8391\t5\n1\t8971\t5\n",
        "user_user.dat": "2\t56\t1\n2\t179\t1\n",
        "business_category.dat": "1\t334\t1\n1\t426\t1\n",
        "business_city.dat": "1\t31\t1\n2\t35\t1\n",
    },
    "amazon": {
        "user_item.dat": "2836\t2645\t5\t1386201600\n28\t2645\t5\t1387670400\n",
        "item_view.dat": "0,0\n0,1\n",
        "item_category.dat": "0,0\n0,1\n",
        "item_brand.dat": "0,0\n1,1\n",
    },
}

# Counted in the files: interactions, users, items, and links of each side table.
COUNTS = {
    "lastfm": (92_834, 1_892, 17_632, {"social": 25_434, "category": 184_941}),
    "yelp": (198_397, 16_239, 14_284, {"social": 158_590, "category": 40_009, "city": 14_267}),
    "amazon": (195_791, 6_170, 2_753, {"co_view": 5_694, "category": 5_508, "brand": 2_753}),
}


def read(dataset: str, folder: Path) -> RawTables:
    tables: RawTables = plugins.load("datasets", dataset).read(folder)
    return tables


@pytest.fixture
def few_lines(tmp_path: Path) -> Path:
    for files in LINES.values():
        for name, content in files.items():
            (tmp_path / name).write_text(content)
    return tmp_path


def test_lastfm(few_lines: Path) -> None:
    tables = read("lastfm", few_lines)
    assert tables.interactions.to_dict("records") == [
        {"user_id": "1", "item_id": "46", "rating": 13883.0},
        {"user_id": "1", "item_id": "47", "rating": 11690.0},
    ]
    assert tables.relations["social"].table["tail_id"].tolist() == ["258", "401"]
    assert tables.relations["category"].tail_type == "tag"


def test_yelp(few_lines: Path) -> None:
    tables = read("yelp", few_lines)
    assert tables.interactions["rating"].tolist() == [5.0, 5.0]
    assert {name: relation.table["tail_id"].tolist() for name, relation in tables.relations.items()} == {
        "social": ["56", "179"],
        "category": ["334", "426"],
        "city": ["31", "35"],
    }


def test_amazon(few_lines: Path) -> None:
    tables = read("amazon", few_lines)
    assert tables.interactions["timestamp"].tolist() == [1386201600, 1387670400]
    assert tables.interactions["user_id"].tolist() == ["2836", "28"]
    co_view = tables.relations["co_view"]
    assert (co_view.head_type, co_view.tail_type) == ("item", "view")
    assert co_view.table["tail_id"].tolist() == ["0", "1"]


@pytest.mark.parametrize("dataset", COUNTS)
def test_real_files_have_the_right_checksums_and_counts(dataset: str, tmp_path: Path) -> None:
    skip_unless_at_hand(dataset)
    tables = read_real(dataset, tmp_path)
    interactions, users, items, links = COUNTS[dataset]
    assert len(tables.interactions) == interactions
    assert tables.interactions["user_id"].nunique() == users
    assert tables.interactions["item_id"].nunique() == items
    assert {name: len(relation.table) for name, relation in tables.relations.items()} == links
