"""LastFM (HetRec 2011, GroupLens; non-commercial research): artist listening counts, friendships, artist tags."""

from functools import partial
from pathlib import Path

from pipeline.data.raw.download import fetch
from pipeline.data.raw.text import read_text
from pipeline.data.relation import ITEM, USER
from pipeline.data.tables import ITEM_ID, RATING, USER_ID, RawTables
from pipeline.datasets._hin import AS_PEERS, hin_file, read_links
from pipeline.datasets.base import Dataset

__all__ = ["lastfm"]

_LISTENS = hin_file("LastFM/user_artist.dat", "4303d1dccfd3b8b03c1e34f99710c4d99539c9fa9b54f654e34299efeefbff16")
_FRIENDS = hin_file("LastFM/user_user(original).dat", "eb2f3eb5dbee61161923d0231874cce574c33cea8b9f331d912b1642a1cd29ba")
_TAGS = hin_file("LastFM/artist_tag.dat", "263e61b0a2a5c06c3994540a2cb732dd2c9d8fafcbe44e7a51a6f18e59f618de")


def _read(folder: Path) -> RawTables:
    """1,892 users, 17,632 artists, 92,834 interactions (the rating is the number of listens); no timestamps.

    Friendships and tags have no dates, so neither can be truncated at the time of the held-out interactions. Tags were
    assigned by the same users who listened, so a tag is evidence of an interaction that may be held out. The file says only
    which tags an artist has, not who assigned them.
    """
    return RawTables(
        read_text(folder / _LISTENS.name, "\t", [USER_ID, ITEM_ID, RATING]),
        {
            "social": read_links(folder / _FRIENDS.name, "\t", USER, USER),
            "category": read_links(folder / _TAGS.name, "\t", ITEM, "tag"),
        },
    )


lastfm = Dataset(
    partial(fetch, (_LISTENS, _FRIENDS, _TAGS)),
    _read,
    "friendships and tags have no dates, and a tag is evidence that somebody listened, possibly in a held-out interaction",
    AS_PEERS,
)
