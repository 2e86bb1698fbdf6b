"""What is in a data set, before anything is trained: sizes, and what its relations may be worth."""

from datetime import UTC, datetime

import numpy as np
import pandas as pd
import scipy.sparse

from pipeline.data.ids import UNKNOWN, IdMap
from pipeline.data.relation import ITEM, USER, Numbers
from pipeline.data.tables import HEAD_ID, ITEM_ID, PART, RATING, TAIL_ID, TIMESTAMP, USER_ID, RawRelation, RawTables
from pipeline.seeding import numpy_generator

__all__ = ["relations_of", "summary"]

_SAMPLE = 100_000  # pairs from which a lift is estimated


def summary(raw: RawTables) -> pd.DataFrame:
    """Sizes of the main table: columns ``what`` and ``found`` (text)."""
    log = raw.interactions
    n_users, n_items = log[USER_ID].nunique(), log[ITEM_ID].nunique()
    n_pairs = len(log) - int(log.duplicated([USER_ID, ITEM_ID]).sum())
    of_user = log[USER_ID].value_counts()
    found = {
        "rows": f"{len(log):,}",
        "users": f"{n_users:,}",
        "items": f"{n_items:,}",
        "pairs said more than once": f"{len(log) - n_pairs:,}",
        "density": f"{n_pairs / (n_users * n_items):.3%}",
        "rows per user": f"median {of_user.median():g}, most {of_user.max():,}, one for {int((of_user == 1).sum()):,} users",
    }
    if RATING in log:
        found["ratings"] = f"{log[RATING].min():g} to {log[RATING].max():g}, median {log[RATING].median():g}"
    if TIMESTAMP in log:
        first, last = (datetime.fromtimestamp(int(at), UTC) for at in (log[TIMESTAMP].min(), log[TIMESTAMP].max()))
        found["dates"] = f"{first:%Y-%m-%d} to {last:%Y-%m-%d}"
    if PART in log:
        found["parts"] = ", ".join(f"{part} {n:,}" for part, n in log[PART].value_counts(sort=False).items())
    return pd.DataFrame({"what": found.keys(), "found": found.values()})


def relations_of(raw: RawTables) -> pd.DataFrame:
    """A row per relation.

    Returns:
        Columns ``relation``, ``between``, ``links``; ``dangling``: links with a user or item without interactions, which are
        dropped; ``oneself``: links of a node with itself, dropped too; ``repeated``: links said before, counted once;
        ``covers``: share of the users (items) that have a link; ``lift``: how many users (items) two linked items (users) have
        in common, or two that share an attribute, over the same for two drawn at random as often (1: the relation says nothing
        of tastes; a lift that seems too good may come from the interactions themselves).
    """
    ids = {USER: IdMap.of(raw.interactions[USER_ID]), ITEM: IdMap.of(raw.interactions[ITEM_ID])}
    users, items = ids[USER].numbers(raw.interactions[USER_ID]), ids[ITEM].numbers(raw.interactions[ITEM_ID])
    shape = (len(ids[USER]), len(ids[ITEM]))
    taken = scipy.sparse.csr_array((np.ones(users.size, dtype=np.float32), (users, items)), shape=shape)
    taken.sum_duplicates()
    taken.data[:] = 1
    of = {USER: taken, ITEM: taken.T.tocsr()}
    return pd.DataFrame([_row(name, relation, ids, of) for name, relation in sorted(raw.relations.items())])


def _row(name: str, relation: RawRelation, ids: dict[str, IdMap], of: dict[str, scipy.sparse.csr_array]) -> dict[str, object]:
    head, tail = relation.head_type, relation.tail_type
    same = head == tail
    table = relation.table
    heads = ids[head].numbers(table[HEAD_ID])
    tail_ids = ids.get(tail, IdMap.of(table[TAIL_ID]))
    tails = tail_ids.numbers(table[TAIL_ID])
    known = (heads != UNKNOWN) & (tails != UNKNOWN)
    oneself = (heads == tails) & known if same else np.zeros(known.shape, dtype=bool)
    heads, tails = heads[known & ~oneself], tails[known & ~oneself]
    covered = np.unique(np.concatenate([heads, tails]) if same else heads).size
    return {
        "relation": name,
        "between": f"{head}-{tail}",
        "links": len(table),
        "dangling": int((~known).sum()),
        "oneself": int(oneself.sum()),
        "repeated": heads.size - np.unique(heads * len(tail_ids) + tails).size,
        "covers": f"{covered / len(ids[head]):.1%} of {head}s",
        "lift": _lift(heads, tails, of[head], same),
    }


def _lift(heads: Numbers, tails: Numbers, taken: scipy.sparse.csr_array, same: bool) -> float:
    """Mean overlap of related nodes over that of the same nodes paired at random; NaN where nothing can be said."""
    generator = numpy_generator(0, "lift")
    if not same:  # related are two heads of one tail: each link with the next link of its tail, in random order
        order = np.lexsort((generator.random(heads.size), tails))
        linked = np.flatnonzero(tails[order[1:]] == tails[order[:-1]])
        heads, tails = heads[order[linked]], heads[order[linked + 1]]
        heads, tails = heads[heads != tails], tails[heads != tails]
    if heads.size > _SAMPLE:
        chosen = generator.choice(heads.size, _SAMPLE, replace=False)
        heads, tails = heads[chosen], tails[chosen]
    strangers = generator.permutation(tails)
    apart = heads != strangers
    if not apart.any():
        return float("nan")
    related, by_chance = (
        taken[one].multiply(taken[two]).sum() / one.size for one, two in ((heads, tails), (heads[apart], strangers[apart]))
    )
    return round(float(related / by_chance), 2) if by_chance else float("nan")
