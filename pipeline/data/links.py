"""Relations as matrices, and which of them describe users or items."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from pipeline.data.relation import ITEM, USER, Relation

__all__ = ["as_matrix", "describing"]


def describing(kind: str, relations: Sequence[Relation]) -> list[Relation]:
    """The relations whose tails say something of users or items: what users and items have to do with each other does not."""
    others = {USER, ITEM} - {kind}
    return [relation for relation in relations if relation.head_type == kind and relation.tail_type not in others]


def as_matrix(relation: Relation) -> Any:
    """Each pair once, a sparse matrix (CSR) of ones, float32 ``[n_heads, n_tails]``."""
    import scipy.sparse  # late, because `check` looks at all plug-ins

    ones = np.ones(relation.n_edges, dtype=np.float32)
    found = scipy.sparse.csr_array((ones, (relation.heads, relation.tails)), shape=(relation.n_heads, relation.n_tails))
    found.sum_duplicates()
    found.data[:] = 1
    return found
