"""Yelp (Yelp data set, academic terms): user ratings of businesses, friendships, business categories and cities."""

from functools import partial
from pathlib import Path

from pipeline.data.raw.download import fetch
from pipeline.data.raw.text import read_text
from pipeline.data.relation import ITEM, USER
from pipeline.data.tables import ITEM_ID, RATING, USER_ID, RawTables
from pipeline.datasets._hin import AS_PEERS, hin_file, read_links
from pipeline.datasets.base import Dataset

__all__ = ["yelp"]

_STARS = hin_file("Yelp/user_business.dat", "d57853e95c3f49f0060f31ee9365ab3fffe1010999c76863c3cd9628b91e994d")
_FRIENDS = hin_file("Yelp/user_user.dat", "d360f88f66b7ba9a1fd460b8c414dba1bec6489773283083a614a77925bcaaed")
_CATEGORIES = hin_file("Yelp/business_category.dat", "d3c1499e406c0a842b3c08c478ffe7bf26a8758b630e0b056d0f4bcf18c01a5b")
_CITIES = hin_file("Yelp/business_city.dat", "09c009dfa16709aff52de4831b9cb30f45a16dcfce1db06858d54af6ef5f7d1e")


def _read(folder: Path) -> RawTables:
    """16,239 users, 14,284 businesses, 198,397 ratings of 1 to 5 stars; no timestamps.

    Friendships have no dates, so they cannot be truncated at the time of the held-out ratings. Categories and cities are
    facts about a business and say nothing about who visited it. No task uses ``city`` yet.
    """
    return RawTables(
        read_text(folder / _STARS.name, "\t", [USER_ID, ITEM_ID, RATING]),
        {
            "social": read_links(folder / _FRIENDS.name, "\t", USER, USER, n_columns=3),
            "category": read_links(folder / _CATEGORIES.name, "\t", ITEM, "category", n_columns=3),
            "city": read_links(folder / _CITIES.name, "\t", ITEM, "city", n_columns=3),
        },
    )


yelp = Dataset(
    partial(fetch, (_STARS, _FRIENDS, _CATEGORIES, _CITIES)),
    _read,
    "friendships have no dates: some may be more recent than the held-out ratings",
    AS_PEERS,
)
