"""What a task is: a function from training interactions and side tables to the relation whose tails it ranks."""

from collections.abc import Callable, Mapping

import numpy as np

from pipeline.data.relation import Numbers, Relation

__all__ = ["Task", "both_directions"]

Task = Callable[[Relation, Mapping[str, Relation]], Relation | None]
"""``build(train, sides)``: ``train`` holds the *training* interactions only, so no task can see a held-out pair. ``None``
where the data set lacks the side table that the task needs."""


def both_directions(name: str, node_type: str, heads: Numbers, tails: Numbers, n_nodes: int) -> Relation:
    """An undirected relation among nodes of one type: both directions, each pair once, no node with itself."""
    keys = np.concatenate([heads * n_nodes + tails, tails * n_nodes + heads])
    heads, tails = np.divmod(np.unique(keys), n_nodes)
    other = heads != tails
    return Relation(name, node_type, node_type, heads[other], tails[other], n_nodes, n_nodes)
