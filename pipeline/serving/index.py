"""An index over the items, for catalogues in which looking at each takes too long."""

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from pipeline.errors import InputError

__all__ = ["approximate"]

_CONNECTIVITY, _BUILD, _SEARCH = 32, 200, 400  # of the graph: the higher, the better and the slower


def approximate(items: Tensor) -> Callable[[Tensor, int], Tensor]:
    """Search by a graph (HNSW, Malkov and Yashunin, TPAMI 2020; the library usearch).

    Largest inner products are nearest neighbours of vectors that got one more coordinate, with which all have the length of the
    longest (Bachrach et al., RecSys 2014).

    Args:
        items: ``[n_items, dim]``.

    Returns:
        From a row ``[dim]`` and a number to the numbers of about so many best items, in ascending order. What is then ranked is
        ranked exactly; what the search overlooks is missing.

    Raises:
        InputError: If usearch is not installed, or the model has no embeddings.
    """
    if items.layout != torch.strided:
        raise InputError("--index: this model has weights between items, no embeddings. Fix: leave --index out")
    try:
        from usearch.index import Index
    except ImportError as error:
        raise InputError("--index: usearch is not installed. Fix: pip install 'pmtrec[index]'") from error
    vectors = items.numpy()
    squares = (vectors**2).sum(axis=1)
    rest = np.sqrt(np.maximum(squares.max() - squares, 0.0))[:, None].astype(np.float32)
    index = Index(
        ndim=vectors.shape[1] + 1, metric="cos", dtype="f32", connectivity=_CONNECTIVITY, expansion_add=_BUILD,
        expansion_search=_SEARCH,
    )  # fmt: skip
    index.add(np.arange(len(vectors)), np.hstack([vectors, rest]).astype(np.float32))

    def nearest(row: Tensor, n: int) -> Tensor:
        asked = np.append(row.numpy(), np.float32(0.0)).astype(np.float32)
        found = index.search(asked, min(n, len(vectors))).keys
        return torch.from_numpy(np.sort(found.astype(np.int64)))

    return nearest
