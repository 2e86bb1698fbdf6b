"""A synthetic shop with planted preferences: works offline, is small enough for a first run, and has useful side tables.

What is planted: every user likes a few of 50 *scenes*, every item belongs to one. Users mostly interact with items of
their scenes, more often with popular ones. Friends mostly share a scene, items viewed together mostly belong to one scene,
and a category spans a few scenes. All of it is noisy: a good part of every table is random, and no table says to which scene
anything belongs.
"""

from pathlib import Path

import numpy as np
import pandas as pd

from pipeline.data.raw.text import read_text
from pipeline.data.relation import ITEM, USER, Numbers
from pipeline.data.tables import ITEM_ID, TIMESTAMP, USER_ID, RawRelation, RawTables
from pipeline.datasets.base import Dataset
from pipeline.seeding import numpy_generator

__all__ = ["demo"]

_N_USERS, _N_ITEMS, _N_INTERACTIONS = 2_000, 1_500, 60_000
_N_SCENES, _SCENES_PER_USER = 50, 3
_TASTE = 0.75  # share of interactions inside the user's scenes
_N_FRIENDSHIPS, _HOMOPHILY = 8_000, 0.7
_N_VIEWS, _ITEMS_PER_VIEW, _VIEW_FIDELITY = 2_500, 3, 0.7
_N_CATEGORIES, _CATEGORY_FIDELITY = 25, 0.8
_FIRST_SECOND, _N_SECONDS = 1_672_531_200, 365 * 86_400  # the year 2023

_TABLES = {
    "interactions.csv": [USER_ID, ITEM_ID, TIMESTAMP],
    "friends.csv": ["head_id", "tail_id"],
    "views.csv": ["head_id", "tail_id"],
    "categories.csv": ["head_id", "tail_id"],
}


def _generate(folder: Path) -> None:
    """Write the four raw files; always the same bytes."""
    rng = numpy_generator(0, "demo")
    scenes_of_user = np.argsort(rng.random((_N_USERS, _N_SCENES)), axis=1)[:, :_SCENES_PER_USER]
    scene_of_item = rng.integers(0, _N_SCENES, _N_ITEMS)
    # Long tails: a few users and items have most of the interactions.
    activity = rng.lognormal(0.0, 1.0, _N_USERS)
    popularity = rng.permutation(1.0 / np.arange(10, _N_ITEMS + 10) ** 0.7)

    def draw_items(scenes: Numbers, faithful: float) -> Numbers:
        """One item per scene: of that scene with probability ``faithful``, else any; popular ones more often."""
        items = rng.choice(_N_ITEMS, scenes.size, p=popularity / popularity.sum())
        inside = rng.random(scenes.size) < faithful
        for scene in range(_N_SCENES):
            members = np.flatnonzero(scene_of_item == scene)
            places = np.flatnonzero(inside & (scenes == scene))
            items[places] = rng.choice(members, places.size, p=popularity[members] / popularity[members].sum())
        return items

    users = np.empty(0, dtype=np.int64)
    items = np.empty(0, dtype=np.int64)
    while users.size < _N_INTERACTIONS:  # pairs drawn twice are dropped, so draw until there are enough
        more = rng.choice(_N_USERS, _N_INTERACTIONS, p=activity / activity.sum())
        scenes = scenes_of_user[more, rng.integers(0, _SCENES_PER_USER, more.size)]
        pairs = np.concatenate([users * _N_ITEMS + items, more * _N_ITEMS + draw_items(scenes, _TASTE)])
        pairs = pairs[np.sort(np.unique(pairs, return_index=True)[1])][:_N_INTERACTIONS]
        users, items = np.divmod(pairs, _N_ITEMS)
    seconds = _FIRST_SECOND + rng.integers(0, _N_SECONDS, users.size)

    someone = rng.integers(0, _N_USERS, _N_FRIENDSHIPS)
    fans = [np.flatnonzero((scenes_of_user == scene).any(axis=1)) for scene in range(_N_SCENES)]
    shared = scenes_of_user[someone, rng.integers(0, _SCENES_PER_USER, someone.size)]
    like_minded = np.array([rng.choice(fans[scene]) for scene in shared])
    friend = np.where(rng.random(someone.size) < _HOMOPHILY, like_minded, rng.integers(0, _N_USERS, someone.size))

    viewed = draw_items(np.repeat(rng.integers(0, _N_SCENES, _N_VIEWS), _ITEMS_PER_VIEW), _VIEW_FIDELITY)
    view = np.repeat(np.arange(_N_VIEWS), _ITEMS_PER_VIEW)

    truthful = rng.random(_N_ITEMS) < _CATEGORY_FIDELITY
    category = np.where(truthful, scene_of_item % _N_CATEGORIES, rng.integers(0, _N_CATEGORIES, _N_ITEMS))

    different = someone != friend
    _write(folder, "interactions.csv", [_ids("user", users), _ids("item", items), seconds])
    _write(folder, "friends.csv", [_ids("user", someone[different]), _ids("user", friend[different])])
    _write(folder, "views.csv", [_ids("item", viewed), _ids("view", view)])
    _write(folder, "categories.csv", [_ids("item", np.arange(_N_ITEMS)), _ids("category", category)])


def _ids(kind: str, numbers: Numbers) -> list[str]:
    return [f"{kind}-{number:04d}" for number in numbers]


def _write(folder: Path, name: str, columns: list[object]) -> None:
    table = pd.DataFrame(dict(zip(_TABLES[name], columns, strict=True)))
    table.to_csv(folder / name, index=False, lineterminator="\n")


def _read(folder: Path) -> RawTables:
    """2,000 users, 1,500 items, 60,000 interactions with timestamps over one year; friends, co-views, categories.

    Nothing leaks: the side tables are drawn from the planted scenes, not from interactions.
    """
    tables = {name: read_text(folder / name, ",", columns, header=True) for name, columns in _TABLES.items()}
    return RawTables(
        tables["interactions.csv"],
        {
            "social": RawRelation(USER, USER, tables["friends.csv"]),
            "co_view": RawRelation(ITEM, "view", tables["views.csv"]),
            "category": RawRelation(ITEM, "category", tables["categories.csv"]),
        },
    )


demo = Dataset(
    _generate,
    _read,
    "nothing: they are drawn from the planted scenes, not from interactions",
    {"ratios": [0.4, 0.1, 0.5]},  # a young shop: where most interactions are known, they alone say what side tasks could
)
