"""How the links of a side table become the pairs of a task."""

import numpy as np
import scipy.sparse

from pipeline.data.relation import Relation, RelationKind
from pipeline.errors import InputError

__all__ = ["as_pairs"]

_MOST_PAIRS = 100_000_000  # about 4 GiB


def as_pairs(name: str, links: Relation, kind: RelationKind) -> Relation:
    """The relation of the task ``name``, without duplicate pairs or self-loops.

    Args:
        name: Task name.
        links: Of the side table. The weights of equal pairs add up.
        kind: ``"directed"``: as they are. ``"undirected"``: in both directions. ``"membership"``: nodes and their attributes,
            as they are. ``"shared"``: pairs of heads that have a tail in common.

    Returns:
        With the value ``count``: how many links make the pair, or how many tails it has in common.

    Raises:
        InputError: If tails are shared by so many heads that the pairs would not fit into memory.
    """
    heads, tails, weights, counts = links.heads, links.tails, links.weights, None
    tail_type, n_tails = links.tail_type, links.n_tails
    if kind == "shared":
        if (n_pairs := int((np.bincount(tails).astype(np.int64) ** 2).sum())) > _MOST_PAIRS:
            problem = f"{n_pairs:,} pairs of {links.head_type}s share a {tail_type}"
            fix = f"remove what most of them share, or rank the {tail_type} itself (shared: false)"
            raise InputError(f"{name}: {problem} (maximum {_MOST_PAIRS:,}). Fix: {fix}")
        ones = np.ones(links.n_edges, dtype=np.int64)
        of_head = scipy.sparse.csr_array((ones, (heads, tails)), shape=(links.n_heads, n_tails))
        together = (of_head @ of_head.T).tocoo()
        heads, tails = (side.astype(np.int64) for side in together.coords)
        counts = together.data
        tail_type, n_tails = links.head_type, links.n_heads
    elif kind == "undirected":
        heads, tails = np.concatenate([heads, tails]), np.concatenate([tails, heads])
        weights = None if weights is None else np.concatenate([weights, weights])
    keys, place = np.unique(heads * n_tails + tails, return_inverse=True)
    weights = None if weights is None else np.bincount(place, weights).astype(np.float64)
    values = {"count": np.bincount(place, counts).astype(np.int64)}
    heads, tails = np.divmod(keys, n_tails)
    pairs = Relation(name, links.head_type, tail_type, heads, tails, links.n_heads, n_tails, weights, values)
    return pairs.only(heads != tails) if links.head_type == tail_type else pairs
