"""Shared by the encoders: smoothing over a graph of nodes, and item biases."""

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from pipeline.data.relation import USER, NodeTypes, Relation

__all__ = ["Graph", "propagated", "smoothed", "with_item_bias"]


class Graph:
    """Normalised adjacency D^-1/2 A D^-1/2 of an undirected graph, D the degrees; rows of isolated nodes are zero.

    Args:
        nodes: Node types of the stacked table.
        relations: Their pairs are the edges, in both directions, duplicates counted once.
    """

    def __init__(self, nodes: NodeTypes, relations: Sequence[Relation]) -> None:
        n = nodes.n_rows
        ends = [(r.heads + nodes.offset(r.head_type), r.tails + nodes.offset(r.tail_type)) for r in relations]
        one, two = (np.concatenate([end[side] for end in ends] or [np.zeros(0, dtype=np.int64)]) for side in (0, 1))
        keys = np.unique(np.concatenate([one * n + two, two * n + one]))
        self._heads, self._tails = np.divmod(keys, n)
        # Position of the reverse of each edge: both directions of an edge are dropped together.
        self._back = np.searchsorted(keys, self._tails * n + self._heads)
        degrees = np.bincount(self._heads, minlength=n).astype(np.float64)
        self._values = (1 / np.sqrt(degrees[self._heads] * degrees[self._tails])).astype(np.float32)
        self._n = n

    def matrix(self) -> Tensor:
        """Sparse CSR ``[n_rows, n_rows]``."""
        return self._csr(np.ones(self._heads.size, dtype=np.bool_), 1.0)

    def thinned(self, share: float, generator: np.random.Generator) -> Tensor:
        """The matrix with a fraction ``share`` of the edges dropped at random and the others scaled up to compensate."""
        noise = generator.random(self._heads.size)
        first = np.minimum(np.arange(self._heads.size), self._back)
        return self._csr(noise[first] >= share, 1 / (1 - share))

    def _csr(self, kept: "np.ndarray[Any, np.dtype[np.bool_]]", factor: float) -> Tensor:
        starts = np.concatenate([[0], np.cumsum(np.bincount(self._heads[kept], minlength=self._n))])
        values = (self._values[kept] * factor).astype(np.float32)
        with warnings.catch_warnings():  # CSR takes a quarter of the time of COO, but torch warns that it is in beta
            warnings.filterwarnings("ignore", "Sparse CSR tensor support is in beta")
            parts = (torch.from_numpy(starts), torch.from_numpy(self._tails[kept]), torch.from_numpy(values))
            return torch.sparse_csr_tensor(*parts, size=(self._n, self._n), check_invariants=True)


class _Propagate(torch.autograd.Function):
    """A x for a constant symmetric A, with gradient A g: autograd would transpose A in every step."""

    @staticmethod
    def forward(ctx: Any, adjacency: Tensor, x: Tensor) -> Tensor:
        ctx.save_for_backward(adjacency)
        return adjacency @ x

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[None, Tensor]:
        (adjacency,) = ctx.saved_tensors
        return None, adjacency @ gradient


def propagated(adjacency: Tensor, x: Tensor) -> Tensor:
    """A x for a constant symmetric A, ``[n_rows, dim]``."""
    layer: Tensor = _Propagate.apply(adjacency, x)  # type: ignore[no-untyped-call]
    return layer


def smoothed(adjacency: Tensor, x: Tensor, layers: int) -> Tensor:
    """Mean over k = 0..layers of A^k x, ``[n_rows, dim]``."""
    total = layer = x
    for _ in range(layers):
        layer = propagated(adjacency, layer)
        total = total + layer
    return total / (layers + 1)


def with_item_bias(stacked: Tensor, nodes: NodeTypes) -> Tensor:
    """Fix the last coordinate of users at 1, so that the last coordinate of an item is its bias: <u, i> = <u', i'> + b_i.

    This holds for inner products: a loss that compares cosines divides the bias by the norms of both vectors.
    """
    fixed = torch.zeros_like(stacked, dtype=torch.bool)
    first = nodes.offset(USER)
    fixed[first : first + nodes.sizes[USER], -1] = True
    return torch.where(fixed, 1.0, stacked)
