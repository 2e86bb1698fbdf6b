"""Amazon (McAuley's review data): timestamped product ratings, co-views, categories and brands."""

from functools import partial
from pathlib import Path

from pipeline.data.raw.download import fetch
from pipeline.data.raw.text import read_text
from pipeline.data.relation import ITEM
from pipeline.data.tables import ITEM_ID, RATING, TIMESTAMP, USER_ID, RawTables
from pipeline.datasets._hin import AS_PEERS, hin_file, read_links
from pipeline.datasets.base import Dataset

__all__ = ["amazon"]

_STARS = hin_file("Amazon/user_item.dat", "d14fcc5b04f0d701d326149bc4f18d471156f189ff1f4d0fefa14511c4cb42c8")
_VIEWS = hin_file("Amazon/item_view.dat", "42b1aec0a0eb9d71a265efb491dd951b523723637bb18f80f87c72d4fa6819da")
_CATEGORIES = hin_file("Amazon/item_category.dat", "17b9158f777fbb0b8b035a9b675c2f7d2e9f7ad81f34919d3e6db4289c9dc6bf")
_BRANDS = hin_file("Amazon/item_brand.dat", "65f4eaddff343a365ad474a6841bbaf541af1b2d96081c4adaeeeb8a7a8a313b")


def _read(folder: Path) -> RawTables:
    """6,170 users, 2,753 products, 195,791 ratings of 1 to 5 stars with Unix time; ids count from 0.

    Products that share a view node were viewed together; view ids are not product ids. The co-views come from a single crawl
    of the shop's "also viewed" lists and have no dates: they cannot be truncated at the time of the held-out ratings, and may
    reflect visits by the same users. No task uses ``brand`` yet.
    """
    return RawTables(
        read_text(folder / _STARS.name, "\t", [USER_ID, ITEM_ID, RATING, TIMESTAMP]),
        {
            "co_view": read_links(folder / _VIEWS.name, ",", ITEM, "view"),
            "category": read_links(folder / _CATEGORIES.name, ",", ITEM, "category"),
            "brand": read_links(folder / _BRANDS.name, ",", ITEM, "brand"),
        },
    )


amazon = Dataset(
    partial(fetch, (_STARS, _VIEWS, _CATEGORIES, _BRANDS)),
    _read,
    "co-views have no dates and may reflect visits by the same users whose ratings are held out",
    AS_PEERS,
)
