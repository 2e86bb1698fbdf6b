"""Attributes of the items of a list."""

from collections.abc import Iterator, Mapping

import torch
from torch import Tensor

from pipeline.metrics.base import NOTHING
from pipeline.ranking.top_k import ItemLists

__all__ = ["indicators"]


def indicators(items: Tensor, attributes: Mapping[str, ItemLists]) -> Iterator[tuple[Tensor, int]]:
    """For each list ones where an item has an attribute, float64 ``[n_listed, n_attributes]``, and its length.

    Args:
        items: ``[n_lists, k]``.
        attributes: Name -> attributes of every item.

    Raises:
        ValueError: If there are none.
    """
    if not attributes:
        raise ValueError("the data set has no side table of items, so its items have no attributes")
    for row in items:
        listed = row[row != NOTHING]
        tables = []
        for lists in attributes.values():
            table = torch.zeros(len(listed), lists.n_items, dtype=torch.float64)
            table[lists.pairs(listed)] = 1
            tables.append(table)
        yield torch.cat(tables, dim=1), len(listed)
