"""Raw tables -> numbered, filtered, split tables."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from pipeline.data.filtering import k_core, keep_rated, resolve_duplicates
from pipeline.data.ids import UNKNOWN, IdMap
from pipeline.data.relation import ITEM, USER, Relation
from pipeline.data.splitting import TEST, TRAIN, VALID, Split, assign_random, assign_temporal
from pipeline.data.tables import ITEM_ID, RATING, TIMESTAMP, USER_ID, RawRelation, RawTables
from pipeline.errors import InputError

__all__ = ["Processed", "preprocess"]

log = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class Processed:
    """A data set in numbers.

    Attributes:
        split: The interactions.
        ids: Node type -> id map.
        sides: Side tables by name.
    """

    split: Split
    ids: Mapping[str, IdMap]
    sides: Mapping[str, Relation]


def preprocess(
    raw: RawTables,
    *,
    min_rating: float | None,
    k: int,
    method: str,
    ratios: tuple[float, float, float],
    seed: int,
) -> Processed:
    """Resolve duplicates, filter, number the ids and split.

    Args:
        raw: The data set in raw ids.
        min_rating: Interactions rated lower are dropped; ``None`` keeps all.
        k: Of the k-core; 0 keeps all.
        method: ``"random"`` (per user) or ``"temporal"`` (two global points in time).
        ratios: Shares of train, valid, test.
        seed: Of the random split.

    Raises:
        InputError: If the params ask for ratings or time stamps that the data set lacks, or if nothing is left for a
            part.
    """
    for column, asked, key in (
        (RATING, min_rating is not None, "min_rating"),
        (TIMESTAMP, method == "temporal", "split"),
    ):
        if asked and column not in raw.interactions:
            raise InputError(f"preprocess.{key}: the data set has no {column}. Fix: change preprocess.{key}")
    interactions = resolve_duplicates(raw.interactions)
    counts = {"read": len(raw.interactions), "without duplicates": len(interactions)}
    if min_rating is not None:
        interactions = keep_rated(interactions, min_rating)
        counts[f"rated {min_rating:g} or more"] = len(interactions)
    interactions = k_core(interactions, k)
    counts[f"in the {k}-core"] = len(interactions)
    log.info("interactions: %s", ", ".join(f"{n:,} {what}" for what, n in counts.items()))
    if interactions.empty:
        raise InputError("preprocess: no interaction is left. Fix: lower preprocess.k_core or preprocess.min_rating")

    ids = {USER: IdMap.of(interactions[USER_ID]), ITEM: IdMap.of(interactions[ITEM_ID])}
    numbered = pd.DataFrame(
        {"user": ids[USER].numbers(interactions[USER_ID]), "item": ids[ITEM].numbers(interactions[ITEM_ID])}
    )
    if method == "random":
        parts = assign_random(numbered["user"].to_numpy(), ratios, seed)
    else:
        parts = assign_temporal(interactions[TIMESTAMP].to_numpy(), ratios)
    train, valid, test = (numbered[parts == part].reset_index(drop=True) for part in (TRAIN, VALID, TEST))
    split = Split(train, valid, test, len(ids[USER]), len(ids[ITEM]))
    log.info("split: %d users, %d items, %d / %d / %d", split.n_users, split.n_items, len(train), len(valid), len(test))
    for part, table in (("train", train), ("valid", valid), ("test", test)):
        if table.empty:
            raise InputError(f"preprocess: the part {part} is empty. Fix: change preprocess.ratios or keep more interactions")
    sides = {name: _number(name, relation, ids) for name, relation in sorted(raw.relations.items())}
    return Processed(split, ids, sides)


def _number(name: str, relation: RawRelation, ids: dict[str, IdMap]) -> Relation:
    """A side table in numbers, without links of users and items that have no interaction; new node types get an id map."""
    columns = ((relation.head_type, relation.table["head_id"]), (relation.tail_type, relation.table["tail_id"]))
    known = np.ones(len(relation.table), dtype=bool)
    for node_type, raw_ids in columns:
        if node_type in ids:
            known &= ids[node_type].numbers(raw_ids) != UNKNOWN
    for node_type, raw_ids in columns:
        if node_type not in ids:
            ids[node_type] = IdMap.of(raw_ids[known])
    heads, tails = (ids[node_type].numbers(raw_ids[known]) for node_type, raw_ids in columns)
    log.info("%s: %d links, %d of them dropped (a user or item without interactions)", name, len(known), (~known).sum())
    n_heads, n_tails = (len(ids[node_type]) for node_type, _ in columns)
    return Relation(name, relation.head_type, relation.tail_type, heads, tails, n_heads, n_tails)
