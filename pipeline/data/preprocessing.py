"""Raw tables -> numbered, filtered, split tables."""

import logging
from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
import pandas as pd

from pipeline.data.filtering import k_core, keep_rated, resolve_duplicates
from pipeline.data.ids import IdMap
from pipeline.data.numbering import align_features, known_titles, number_all, refuse_copies, with_linked
from pipeline.data.processed import Processed
from pipeline.data.relation import ITEM, USER
from pipeline.data.split import TEST, TRAIN, VALID, Split
from pipeline.data.splitting import Splitting, assign_last, assign_one, assign_random, assign_stable, assign_temporal, n_torn
from pipeline.data.tables import ITEM_ID, PART, RATING, TIMESTAMP, USER_ID, RawTables
from pipeline.errors import InputError

__all__ = ["preprocess"]

log = logging.getLogger(__name__)

_WORDS = {PART: "split of its own"}
_REMARKABLE = 0.25  # share of the interactions that a k-core leaves, below which it is remarked on


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
            more = " name your own files as valid and test beside path, or" if column == PART else ""
            raise InputError(
                f"preprocess.{key}: the data set has no {_WORDS.get(column, column)}. Fix:{more} change preprocess.{key}"
            )
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
    before, kept = kept, k_core(kept, k)
    counts[f"in the {k}-core"] = len(kept)
    log.info("interactions: %s", ", ".join(f"{n:,} {what}" for what, n in counts.items()))
    if kept.empty:
        raise InputError(f"preprocess: no interactions are left. Fix: {_what_would_leave_some(before, k)}")
    if len(kept) < _REMARKABLE * len(before):
        dropped = 1 - len(kept) / len(before)
        log.warning(
            "preprocess.k_core: %d drops %.0f%% of the interactions. Fix: lower it if that is not meant", k, 100 * dropped
        )

    ids = {kind: all_ids[kind].only(kept[kind].to_numpy()) for kind in (USER, ITEM)}
    for kind in (USER, ITEM):
        kept[kind] = np.unique(kept[kind].to_numpy(), return_inverse=True)[1]
    if len(ids[ITEM]) == 1:
        raise InputError("preprocess: there is only one item, so nothing to rank. Fix: add items, or keep more interactions")
    if keep_linked:
        ids = {kind: with_linked(kind, ids[kind], all_ids[kind], raw.relations) for kind in (USER, ITEM)}
    split = _split(kept, ids, splitting)
    refuse_copies(raw, all_ids, numbers)
    sides = number_all(raw.relations, ids, all_ids)
    titles = {} if raw.titles is None else known_titles(raw.titles, ids[ITEM], all_ids[ITEM])
    return Processed(split, ids, sides, align_features(raw.features, ids, all_ids), titles)


def _what_would_leave_some(interactions: pd.DataFrame, k: int) -> str:
    if interactions.empty:
        return "lower preprocess.min_rating"
    largest = int(np.bincount(interactions[USER]).max())
    most = next(fewer for fewer in range(min(k - 1, largest), -1, -1) if not k_core(interactions, fewer).empty)
    return f"lower preprocess.k_core to {most} or less"


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
        return _last(kept, how)
    if how.method == "temporal":
        return assign_temporal(kept[TIMESTAMP].to_numpy(), how.ratios, how.dates)
    return kept[PART].to_numpy(dtype="str")


def _last(kept: pd.DataFrame, how: Splitting) -> npt.NDArray[np.str_]:
    users, times = kept[USER].to_numpy(), kept[TIMESTAMP].to_numpy()
    parts = assign_last(users, times, how.last_n, how.seed, together=how.ties == "together")
    if torn := n_torn(users, times, parts):
        found = "%d of %d users have interactions of the same time in several parts, by chance (preprocess.split_seed). %s"
        log.warning(found, torn, users.max() + 1, "Fix: set preprocess.ties: together, if that is not meant")
    return parts
