"""Attributes of the items of a list."""

from collections.abc import Iterator, Mapping

import torch
from torch import Tensor

from pipeline.errors import InputError
from pipeline.metrics.base import NO_ITEM
from pipeline.ranking.item_lists import ItemLists

__all__ = ["indicators"]


def indicators(items: Tensor, attributes: Mapping[str, ItemLists]) -> Iterator[tuple[Tensor, int]]:
    """For each list ones where an item has an attribute, float64 ``[n_listed, n_attributes]``, and its length.

    Args:
        items: ``[n_lists, k]``.
        attributes: Name -> attributes of every item.

    Raises:
        InputError: If there are none.
    """
    if not attributes:
        problem = "the data set has no side table of items, so its items have no attributes"
        raise InputError(f"evaluate.metrics: {problem}. Fix: leave diversity and calibration out")
    for row in items:
        listed = row[row != NO_ITEM]
        tables = []
        for lists in attributes.values():
            table = torch.zeros(len(listed), lists.n_items, dtype=torch.float64)
            table[lists.pairs(listed)] = 1
            tables.append(table)
        yield torch.cat(tables, dim=1), len(listed)
