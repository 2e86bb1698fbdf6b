"""Raw tables -> numbered, filtered, split tables."""

import logging
from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
import pandas as pd

from pipeline.data.derived import MOST_LISTED, share_listed
from pipeline.data.filtering import k_core, keep_rated, resolve_duplicates
from pipeline.data.ids import UNKNOWN, IdMap
from pipeline.data.processed import Processed
from pipeline.data.relation import ITEM, USER, NodeFeatures, Numbers, Relation, SideTable
from pipeline.data.split import TEST, TRAIN, VALID, Split
from pipeline.data.splitting import Splitting, assign_last, assign_one, assign_random, assign_stable, assign_temporal
from pipeline.data.tables import (
    HEAD_ID,
    ITEM_ID,
    NODE_ID,
    PART,
    RATING,
    TAIL_ID,
    TIMESTAMP,
    TITLE,
    USER_ID,
    WEIGHT,
    RawRelation,
    RawTables,
)
from pipeline.errors import InputError

__all__ = ["preprocess"]

log = logging.getLogger(__name__)


def preprocess(
    raw: RawTables, *, min_rating: float | None, k: int, splitting: Splitting, keep_linked: bool = False
) -> Processed:
    """Resolve duplicates, filter, number the ids and split.

    Renaming the ids changes nothing but their names: they are numbered in the order in which they first appear. Other orders
    of the rows give other numbers, and with them other random splits of the same sizes.

    Args:
        raw: The data set in raw ids.
        min_rating: Interactions rated lower are dropped; ``None`` keeps all.
        k: Minimum number of interactions per user and per item (k-core); 0 keeps all.
        splitting: How to split.
        keep_linked: Whether users and items that have links, but no interactions yet, are kept too.

    Raises:
        InputError: If the params require ratings, timestamps or a split that the data set lacks, if a part of the split is
            empty, or if there is nothing to rank.
    """
    method = splitting.method
    for column, asked, key in (
        (RATING, min_rating is not None, "min_rating"),
        (TIMESTAMP, method in ("temporal", "last_n"), "split"),
        (PART, method == "given", "split"),
    ):
        if asked and column not in raw.interactions:
            raise InputError(f"preprocess.{key}: the data set has no {column}. Fix: change preprocess.{key}")
    log.info("numbering %s interactions", f"{len(raw.interactions):,}")
    all_ids = {USER: IdMap.of(raw.interactions[USER_ID]), ITEM: IdMap.of(raw.interactions[ITEM_ID])}
    numbers = {kind: all_ids[kind].numbers(raw.interactions[column]) for kind, column in ((USER, USER_ID), (ITEM, ITEM_ID))}
    if PART in raw.interactions and method != "given":
        log.info("the data set's own train, valid and test are pooled and split again (preprocess.split is %s)", method)
    kept = resolve_duplicates(pd.DataFrame(numbers | dict(raw.interactions.drop(columns=[USER_ID, ITEM_ID]).items())))
    counts = {"read": len(raw.interactions), "without duplicates": len(kept)}
    if min_rating is not None:
        kept = keep_rated(kept, min_rating)
        counts[f"rated {min_rating:g} or more"] = len(kept)
    kept = k_core(kept, k)
    counts[f"in the {k}-core"] = len(kept)
    log.info("interactions: %s", ", ".join(f"{n:,} {what}" for what, n in counts.items()))
    if kept.empty:
        raise InputError("preprocess: no interactions are left. Fix: lower preprocess.k_core or preprocess.min_rating")

    ids = {kind: all_ids[kind].only(kept[kind].to_numpy()) for kind in (USER, ITEM)}
    for kind in (USER, ITEM):
        kept[kind] = np.unique(kept[kind].to_numpy(), return_inverse=True)[1]
    if len(ids[ITEM]) == 1:
        raise InputError("preprocess: there is only one item, so nothing to rank. Fix: add items, or keep more interactions")
    if keep_linked:
        ids = {kind: _with_linked(kind, ids[kind], all_ids[kind], raw.relations) for kind in (USER, ITEM)}
    split = _split(kept, ids, splitting)
    _refuse_copies(raw, all_ids, numbers)
    sides = _number_all(raw.relations, ids)
    titles = {}
    if raw.titles is not None:
        known = raw.titles[ids[ITEM].numbers(raw.titles[NODE_ID]) != UNKNOWN]
        titles = dict(zip(known[NODE_ID], known[TITLE], strict=True))
        log.info("titles: of %d of %d items", len(titles), len(ids[ITEM]))
    return Processed(split, ids, sides, _align_features(raw.features, ids), titles)


def _with_linked(kind: str, ids: IdMap, in_log: IdMap, relations: Mapping[str, RawRelation]) -> IdMap:
    """The map with what occurs in links alone, behind the others."""
    columns = [
        relation.table[column]
        for relation in relations.values()
        for node_type, column in ((relation.head_type, HEAD_ID), (relation.tail_type, TAIL_ID))
        if node_type == kind
    ]
    if not columns:
        return ids
    linked = IdMap.of(pd.concat(columns))
    new = linked.index[in_log.numbers(linked.index) == UNKNOWN]
    log.info("%s: %d without interactions are kept, as they have links (preprocess.keep_linked)", kind, len(new))
    return IdMap(ids.index.append(new))


def _split(kept: pd.DataFrame, ids: Mapping[str, IdMap], how: Splitting) -> Split:
    parts, n_users, n_items = _parts(kept, ids, how), len(ids[USER]), len(ids[ITEM])
    numbered = kept.drop(columns=kept.columns.intersection([PART])).astype({USER: "int64", ITEM: "int64"})
    train, valid, test = (numbered[parts == part].reset_index(drop=True) for part in (TRAIN, VALID, TEST))
    held = {VALID: valid, TEST: test}
    known = {kind: np.bincount(train[kind], minlength=n) > 0 for kind, n in ((USER, n_users), (ITEM, n_items))}
    for part, table in held.items():
        warm_user, warm_item = (known[kind][table[kind].to_numpy()] for kind in (USER, ITEM))
        cold = ~(warm_user & warm_item)
        if cold.any():
            what = "dropped" if how.cold == "drop" else "kept, most count as misses"
            found = "%s: %d of %d interactions have cold-start users (%d) or items (%d): %s (preprocess.cold)"
            log.info(found, part, cold.sum(), len(table), (~warm_user).sum(), (~warm_item).sum(), what)
        if how.cold == "drop":
            held[part] = table[~cold].reset_index(drop=True)
    split = Split(train, held[VALID], held[TEST], n_users, n_items)
    sizes = {part: len(getattr(split, part)) for part in (TRAIN, VALID, TEST)}
    log.info("split: %d users, %d items, %d / %d / %d", n_users, n_items, *sizes.values())
    if single := int((np.bincount(kept[USER]) == 1).sum()):
        log.info("%d users have a single interaction", single)
    for part, size in sizes.items():
        if size == 0:
            fix = "change preprocess.split, its ratios or dates, or keep more interactions"
            raise InputError(f"preprocess: the {part} part is empty. Fix: {fix}")
    return split


def _parts(kept: pd.DataFrame, ids: Mapping[str, IdMap], how: Splitting) -> npt.NDArray[np.str_]:
    users = kept[USER].to_numpy()
    if how.method == "stable":
        names = (list(ids[USER].index), list(ids[ITEM].index))
        return assign_stable(users, kept[ITEM].to_numpy(), names, how.ratios, how.seed)
    if how.method == "random":
        return assign_random(users, how.ratios, how.seed)
    if how.method == "leave_one_out":
        return assign_one(users, how.seed)
    if how.method == "last_n":
        return assign_last(users, kept[TIMESTAMP].to_numpy(), how.last_n)
    if how.method == "temporal":
        return assign_temporal(kept[TIMESTAMP].to_numpy(), how.ratios, how.dates)
    return kept[PART].to_numpy(dtype="str")


def _refuse_copies(raw: RawTables, ids: Mapping[str, IdMap], numbers: Mapping[str, Numbers]) -> None:
    """Reject relations that contain the interactions, held-out ones included, under another name."""
    for name, relation in raw.relations.items():
        share = share_listed(numbers[USER], numbers[ITEM], ids[USER], ids[ITEM], relation)
        if share > MOST_LISTED:
            problem = f"contains {share:.0%} of the interactions, held-out ones included"
            raise InputError(f"{name}: {problem}. Fix: remove this relation")


def _number_all(relations: Mapping[str, RawRelation], ids: dict[str, IdMap]) -> dict[str, SideTable]:
    """Number the side tables, and add the id maps of their own node types to ``ids``.

    Self-loops and links of users or items without interactions are dropped. The nodes of a type are the union over all
    relations that use it.
    """
    used = {name: _used(name, relation, ids) for name, relation in sorted(relations.items())}
    found: dict[str, list[pd.Series[str]]] = {}
    for name, relation in relations.items():
        for node_type, column in ((relation.head_type, HEAD_ID), (relation.tail_type, TAIL_ID)):
            if node_type not in (USER, ITEM):
                found.setdefault(node_type, []).append(relation.table[column][used[name]])
    ids.update({node_type: IdMap.of(pd.concat(raw_ids)) for node_type, raw_ids in sorted(found.items())})
    sides = {}
    for name, kept in used.items():
        relation, table = relations[name], relations[name].table[kept]
        head, tail = relation.head_type, relation.tail_type
        heads, tails = ids[head].numbers(table[HEAD_ID]), ids[tail].numbers(table[TAIL_ID])
        weights = table[WEIGHT].to_numpy() if WEIGHT in table else None
        links = Relation(name, head, tail, heads, tails, len(ids[head]), len(ids[tail]), weights)
        sides[name] = SideTable(links, relation.kind)
    return sides


def _align_features(features: Mapping[str, pd.DataFrame], ids: Mapping[str, IdMap]) -> dict[str, NodeFeatures]:
    """A row for every node; where a number is missing, the mean of its column."""
    found = {}
    for node_type, table in features.items():
        if node_type not in ids:
            problem = f"there is no node type {node_type!r} in the interactions or relations"
            raise InputError(f"features.{node_type}: {problem}. Fix: name one of {', '.join(ids)}")
        of_nodes = table.drop_duplicates(NODE_ID).set_index(NODE_ID).reindex(ids[node_type].index)
        columns = of_nodes.columns
        if empty := [name for name in columns if of_nodes[name].isna().all()]:
            raise InputError(f"features.{node_type}: {empty[0]} describes no {node_type}. Fix: check its ids, or leave it out")
        missing, repeated = int(of_nodes.isna().any(axis=1).sum()), len(table) - table[NODE_ID].nunique()
        what = "features of %s: %d of %d nodes lack a number and get the mean of its column; %d rows of a repeated id dropped"
        log.info(what, node_type, missing, len(of_nodes), repeated)
        values = of_nodes.fillna(of_nodes.mean()).to_numpy(np.float64)
        found[node_type] = NodeFeatures(node_type, values, tuple(map(str, columns)))
    return found


def _used(name: str, relation: RawRelation, ids: Mapping[str, IdMap]) -> npt.NDArray[np.bool_]:
    """Mask of the links to keep."""
    known = np.ones(len(relation.table), dtype=bool)
    for node_type, column in ((relation.head_type, HEAD_ID), (relation.tail_type, TAIL_ID)):
        if node_type in (USER, ITEM):
            known &= ids[node_type].numbers(relation.table[column]) != UNKNOWN
    oneself = np.zeros(len(known), dtype=bool)
    if relation.head_type == relation.tail_type:
        oneself = (relation.table[HEAD_ID] == relation.table[TAIL_ID]).to_numpy()
    found = "%s: %d links, %d dropped (user or item without interactions), %d dropped (self-loops)"
    log.info(found, name, len(known), (~known).sum(), (known & oneself).sum())
    return known & ~oneself
