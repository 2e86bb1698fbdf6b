"""Profile a data set before training: its sizes, and how informative its relations are."""

from datetime import UTC, datetime
from functools import partial

import numpy as np
import pandas as pd
import scipy.sparse

from pipeline.data.derived import looks_derived, share_linked
from pipeline.data.ids import UNKNOWN, IdMap
from pipeline.data.relation import ITEM, USER, Numbers
from pipeline.data.tables import HEAD_ID, ITEM_ID, PART, RATING, TAIL_ID, TIMESTAMP, USER_ID, RawRelation, RawTables
from pipeline.seeding import numpy_generator

__all__ = ["relations_of", "summary"]

_SAMPLE = 100_000  # pairs from which a lift is estimated


def summary(raw: RawTables) -> pd.DataFrame:
    """Sizes of the interaction log: columns ``what`` and ``found`` (text)."""
    log = raw.interactions
    n_users, n_items = log[USER_ID].nunique(), log[ITEM_ID].nunique()
    n_pairs = len(log) - int(log.duplicated([USER_ID, ITEM_ID]).sum())
    of_user = log[USER_ID].value_counts()
    found = {
        "rows": f"{len(log):,}",
        "first row": f"{log[USER_ID].iloc[0]}, {log[ITEM_ID].iloc[0]}",
        "users": f"{n_users:,}",
        "items": f"{n_items:,}",
        "duplicate interactions": f"{len(log) - n_pairs:,}",
        "density": f"{n_pairs / (n_users * n_items):.3%}",
        "rows per user": f"median {of_user.median():g}, maximum {of_user.max():,}, "
        f"{int((of_user == 1).sum()):,} users with a single row",
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
    """Profile of the relations, one row each.

    Returns:
        Columns ``relation``, ``between``, ``links``; ``dangling``: links of users or items without interactions, which are
        dropped; ``oneself``: self-loops, dropped too; ``repeated``: duplicate links, which are merged; ``covers``: share of the
        users (items) that have a link; ``lift``: mean number of common users (items) of two items (users) that are linked or
        share an attribute, divided by that of random pairs of the same nodes (1: the relation is uninformative about
        preferences); ``together``: share of the pairs of items (users) with a common user (item) that are linked or share an
        attribute; ``derived``: whether the relation looks derived from the interactions (see ``looks_derived``). The last
        three are estimated on a sample.
    """
    users, items = raw.interactions[USER_ID], raw.interactions[ITEM_ID]
    ids = {USER: IdMap.of(users), ITEM: IdMap.of(items)}
    shape = (len(ids[USER]), len(ids[ITEM]))
    pairs = (ids[USER].numbers(users), ids[ITEM].numbers(items))
    taken = _matrix(*pairs, shape)
    of = {USER: taken, ITEM: taken.T.tocsr()}
    return pd.DataFrame([_row(name, relation, ids, of) for name, relation in sorted(raw.relations.items())])


def _matrix(rows: Numbers, columns: Numbers, shape: tuple[int, int]) -> scipy.sparse.csr_array:
    """Binary matrix with ones at (row, column)."""
    found = scipy.sparse.csr_array((np.ones(rows.size, dtype=np.float32), (rows, columns)), shape=shape)
    found.sum_duplicates()
    found.data[:] = 1
    return found


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
    taken = of[head]
    links = _matrix(heads, tails, (len(ids[head]), len(tail_ids)))
    generator = numpy_generator(0, "survey")
    nodes, partners = taken.nonzero()
    one, two = _sample(*_sharing(nodes.astype(np.int64), partners.astype(np.int64), generator), generator)
    linked = partial(share_linked, links=links + links.T if same else links, by_attribute=not same)
    return {
        "relation": name,
        "between": f"{head}-{tail}",
        "links": len(table),
        "dangling": int((~known).sum()),
        "oneself": int(oneself.sum()),
        "repeated": heads.size - np.unique(heads * len(tail_ids) + tails).size,
        "covers": f"{covered / len(ids[head]):.1%} of {head}s",
        "lift": _lift((heads, tails) if same else _sharing(heads, tails, generator), taken, generator),
        "together": f"{linked(one, two):.1%}",
        "derived": looks_derived(linked(one, two), linked(one, generator.permutation(two))),
    }


def _sharing(nodes: Numbers, shared: Numbers, generator: np.random.Generator) -> tuple[Numbers, Numbers]:
    """Pairs of different nodes that have something in common: each with the next of its group, in random order."""
    order = np.lexsort((generator.random(nodes.size), shared))
    same = np.flatnonzero(shared[order[1:]] == shared[order[:-1]])
    one, two = nodes[order[same]], nodes[order[same + 1]]
    return one[one != two], two[one != two]


def _sample(one: Numbers, two: Numbers, generator: np.random.Generator) -> tuple[Numbers, Numbers]:
    if one.size <= _SAMPLE:
        return one, two
    chosen = generator.choice(one.size, _SAMPLE, replace=False)
    return one[chosen], two[chosen]


def _lift(related: tuple[Numbers, Numbers], taken: scipy.sparse.csr_array, generator: np.random.Generator) -> float:
    """Mean overlap of pairs of related nodes over that of the same nodes paired at random; NaN if undefined."""
    one, two = _sample(*related, generator)
    strangers = generator.permutation(two)
    apart = one != strangers
    if not apart.any():
        return float("nan")
    found, by_chance = (taken[a].multiply(taken[b]).sum() / a.size for a, b in ((one, two), (one[apart], strangers[apart])))
    return round(float(found / by_chance), 2) if by_chance else float("nan")
