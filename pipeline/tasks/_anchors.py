"""Examples around the users and items of the main task's batch."""

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from pipeline.data.examples import HEADS, TAILS
from pipeline.data.relation import ITEM, USER, NodeTypes, Numbers
from pipeline.tasks.base import Draw

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["Partners", "anchors"]


class Partners:
    """The tails of every head, to draw one of them.

    Args:
        heads: Of the pairs ``[n_edges]``.
        tails: Of the pairs ``[n_edges]``.
        n_heads: Number of heads.
        weights: A tail is drawn in proportion to these ``[n_edges]``; ``None``: all of a head's alike.

    Attributes:
        has_any: Whether a head has a tail ``[n_heads]``.
    """

    def __init__(self, heads: Numbers, tails: Numbers, n_heads: int, weights: npt.NDArray[np.float64] | None = None) -> None:
        order = np.argsort(heads, kind="stable")
        counts = np.bincount(heads, minlength=n_heads)
        self._tails = tails[order]
        # Where the tails of a head begin and end in the cumulative weights of all.
        self._ends = np.cumsum(np.ones(heads.size) if weights is None else weights[order])
        last = np.cumsum(counts)
        bounds = np.concatenate([[0.0], self._ends])
        self._first, self._past = last - counts, last
        self._from, self._to = bounds[last - counts], bounds[last]
        self.has_any = counts > 0

    def draw(self, heads: Numbers, generator: np.random.Generator) -> Numbers:
        """A tail of each head, which has one ``[n]``."""
        low, high = self._from[heads], self._to[heads]
        chosen = np.searchsorted(self._ends, low + generator.random(heads.size) * (high - low), side="right")
        drawn: Numbers = self._tails[np.clip(chosen, self._first[heads], self._past[heads] - 1)]  # against rounding
        return drawn


def anchors(
    draw: Draw, nodes: NodeTypes, node_type: str, usable: npt.NDArray[np.bool_], generator: np.random.Generator
) -> Numbers:
    """The nodes of one type in the main task's examples, in their order ``[draw.n]``.

    A node about which the task knows nothing is replaced by another one of the same batch; where no node of the batch is of
    use, by any that is.

    Args:
        draw: With the examples of the main task.
        nodes: Node types of the stacked table.
        node_type: ``"user"`` or ``"item"``.
        usable: Whether the task knows anything about a node ``[n_nodes]``; at least one is.
        generator: For the replacements.
    """
    if draw.main is None or node_type not in (USER, ITEM):
        raise ValueError(f"the batch of the main task has no node of type {node_type!r}")
    column: Tensor = draw.main.rows[HEADS if node_type == USER else TAILS]
    found: Numbers = column.numpy() - nodes.offset(node_type)
    found = found.copy()
    everywhere = np.flatnonzero(usable)
    size = draw.batch_size or draw.n
    for start in range(0, draw.n, size):
        batch = found[start : start + size]
        known = usable[batch]
        if not known.all():
            others = batch[known] if known.any() else everywhere
            batch[~known] = generator.choice(others, int((~known).sum()))
    return found
