"""Signs that a relation was derived from the interactions themselves, held-out ones included."""

import numpy as np
import scipy.sparse

from pipeline.data.ids import UNKNOWN, IdMap
from pipeline.data.relation import Numbers
from pipeline.data.tables import HEAD_ID, TAIL_ID, RawRelation

__all__ = ["MOST_LISTED", "looks_derived", "share_linked", "share_listed"]

MOST_LISTED = 0.2
"""Maximum share of the interactions that a relation may contain: numeric ids coincide by chance, but not this often."""

_ALL, _RATIO = 0.9, 4


def share_listed(users: Numbers, items: Numbers, user_ids: IdMap, item_ids: IdMap, relation: RawRelation) -> float:
    """Share of the interactions whose user id and item id are also the two ends of a link, whatever its node types.

    Args:
        users: User number of each interaction ``[n]``.
        items: Item number of each interaction ``[n]``.
        user_ids: Id map of the users.
        item_ids: Id map of the items.
        relation: The relation to check, in raw ids.
    """
    listed = []
    for user_column, item_column in ((HEAD_ID, TAIL_ID), (TAIL_ID, HEAD_ID)):
        found_users, found_items = (
            ids.numbers(relation.table[column]) for ids, column in ((user_ids, user_column), (item_ids, item_column))
        )
        known = (found_users != UNKNOWN) & (found_items != UNKNOWN)
        listed.append(found_users[known] * len(item_ids) + found_items[known])
    keys = np.unique(np.concatenate(listed))
    if keys.size == 0:
        return 0.0
    log = users * len(item_ids) + items
    at = np.minimum(np.searchsorted(keys, log), keys.size - 1)
    return float((keys[at] == log).mean())


def share_linked(one: Numbers, two: Numbers, links: scipy.sparse.csr_array, *, by_attribute: bool) -> float:
    """Share of the pairs (one, two) that are linked, or that share an attribute.

    Args:
        one: First node of each pair ``[n]``.
        two: Second node of each pair ``[n]``.
        links: Adjacency matrix: node by node (symmetric), or node by attribute.
        by_attribute: Whether the columns of ``links`` are attributes.
    """
    if one.size == 0:
        return float("nan")
    if by_attribute:
        return float((links[one].multiply(links[two]).sum(axis=1) > 0).mean())
    return float((np.asarray(links[one, two]).ravel() > 0).mean())


def looks_derived(together: float, by_chance: float) -> bool:
    """Whether nearly all pairs with a common user (or item) are linked, although few random pairs are.

    This is the signature of an "also bought" relation that was computed from the whole interaction log.
    """
    return together >= _ALL and by_chance * _RATIO < together
