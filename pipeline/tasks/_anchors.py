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

    Attributes:
        has_any: Whether a head has a tail ``[n_heads]``.
    """

    def __init__(self, heads: Numbers, tails: Numbers, n_heads: int) -> None:
        self._counts = np.bincount(heads, minlength=n_heads)
        self._starts = np.cumsum(self._counts) - self._counts
        self._tails = tails[np.argsort(heads, kind="stable")]
        self.has_any = self._counts > 0

    def draw(self, heads: Numbers, generator: np.random.Generator) -> Numbers:
        """A tail of each head, which has one ``[n]``."""
        chosen = (generator.random(heads.size) * self._counts[heads]).astype(np.int64)
        drawn: Numbers = self._tails[self._starts[heads] + chosen]
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
        raise ValueError(f"there are no {node_type}s in the batch of the main task")
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
