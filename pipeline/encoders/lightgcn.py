"""LightGCN: embeddings of users and items, smoothed over the graph of the training interactions."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from pipeline.data.relation import NodeTypes, Relation
from pipeline.encoders._base import Embeddings, Encoder

__all__ = ["LightGCN"]


class LightGCN(Encoder):
    """E = mean over k = 0..layers of (D^-1/2 A D^-1/2)^k E0 (He et al., SIGIR 2020, equations 3 and 4).

    A holds the training pairs of the main task, both ways, repeated pairs once; D their degrees. Nodes without a training
    pair, and node types that the main task does not have, keep E0 / (layers + 1), which orders tails as E0 does.

    Args:
        nodes: Node types and their sizes.
        relations: One per task; the main task's first, whose pairs make the graph.
        dim: Length of an embedding.
        generator: Source of the initial values.
        layers: Times that embeddings are passed on; >= 1.
        init_std: Standard deviation of the normal distribution of the initial values; > 0.

    Raises:
        ValueError: If ``layers`` or ``init_std`` is out of range.
    """

    adjacency: Tensor

    def __init__(
        self,
        nodes: NodeTypes,
        relations: Sequence[Relation],
        dim: int,
        generator: torch.Generator,
        *,
        layers: int = 3,
        init_std: float = 0.1,
    ) -> None:
        super().__init__()
        if layers < 1:
            raise ValueError(f"layers must be >= 1, found {layers}")
        if not init_std > 0:
            raise ValueError(f"init_std must be > 0, found {init_std}")
        self.nodes, self.layers = nodes, layers
        self.weight = nn.Parameter(torch.randn(nodes.n_rows, dim, generator=generator) * init_std)
        # No part of what is saved: it follows from the data.
        self.register_buffer("adjacency", _normalised(nodes, relations[0]), persistent=False)

    def forward(self) -> Embeddings:
        """Propagate, ``[n_rows, dim]``."""
        total = layer = self.weight
        for _ in range(self.layers):
            layer = _Propagate.apply(self.adjacency, layer)  # type: ignore[no-untyped-call]
            total = total + layer
        return Embeddings(total / (self.layers + 1), self.nodes)


class _Propagate(torch.autograd.Function):
    """A x for a symmetric constant A, whose gradient is A g: autograd would transpose A in every step."""

    @staticmethod
    def forward(ctx: Any, adjacency: Tensor, x: Tensor) -> Tensor:
        ctx.save_for_backward(adjacency)
        return adjacency @ x

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[None, Tensor]:
        (adjacency,) = ctx.saved_tensors
        return None, adjacency @ gradient


def _normalised(nodes: NodeTypes, relation: Relation) -> Tensor:
    """D^-1/2 A D^-1/2 as sparse COO ``[n_rows, n_rows]``, coalesced."""
    heads = torch.from_numpy(relation.heads + nodes.offset(relation.head_type))
    tails = torch.from_numpy(relation.tails + nodes.offset(relation.tail_type))
    places = torch.stack([torch.cat([heads, tails]), torch.cat([tails, heads])])
    pairs = torch.unique(places, dim=1)
    degrees = torch.bincount(pairs[0], minlength=nodes.n_rows).to(torch.float32)
    values = degrees[pairs[0]].rsqrt() * degrees[pairs[1]].rsqrt()
    shape = (nodes.n_rows, nodes.n_rows)
    return torch.sparse_coo_tensor(pairs, values, shape, is_coalesced=True, check_invariants=True)
