"""Signs that a relation was derived from the interactions themselves, held-out ones included."""

import numpy as np
import scipy.sparse

from pipeline.data.ids import UNKNOWN, IdMap
from pipeline.data.relation import Numbers
from pipeline.data.tables import HEAD_ID, TAIL_ID, RawRelation

__all__ = ["MOST_LISTED", "looks_derived", "share_linked", "share_listed"]

MOST_LISTED = 0.2
"""Share of the interactions that a relation may list: numbers as ids may coincide, but not so often."""

_ALL, _RATIO = 0.9, 4


def share_listed(users: Numbers, items: Numbers, user_ids: IdMap, item_ids: IdMap, relation: RawRelation) -> float:
    """Share of the interactions whose user id and item id are the two ends of a link, whatever the link calls them.

    Args:
        users: User number of each interaction ``[n]``.
        items: Item number of each interaction ``[n]``.
        user_ids: Of the interactions.
        item_ids: The same.
        relation: In raw ids.
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
        one: Nodes ``[n]``.
        two: Nodes ``[n]``.
        links: Of nodes with nodes, in both directions, or with their attributes.
        by_attribute: Which of the two.
    """
    if one.size == 0:
        return float("nan")
    if by_attribute:
        return float((links[one].multiply(links[two]).sum(axis=1) > 0).mean())
    return float((np.asarray(links[one, two]).ravel() > 0).mean())


def looks_derived(together: float, by_chance: float) -> bool:
    """Whether nearly all pairs that have an interaction in common are linked, though few are by chance.

    That is what "who took this also took that" looks like when it was counted on the whole log.
    """
    return together >= _ALL and by_chance * _RATIO < together
