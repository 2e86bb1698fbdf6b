"""LightGCN: embeddings of users and items, smoothed over the graph of the training interactions."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from pipeline.data.relation import NodeTypes, Relation
from pipeline.encoders._base import Embeddings, Encoder
from pipeline.encoders._graph import Graph, smoothed, with_item_bias
from pipeline.seeding import numpy_generator

__all__ = ["LightGCN"]


class LightGCN(Encoder):
    """E = mean over k = 0..layers of (D^-1/2 A D^-1/2)^k E0 (He et al., SIGIR 2020, equations 3 and 4).

    A holds the training pairs of the main task, both ways, repeated pairs once; D their degrees. Nodes without a training
    pair, and node types that the main task does not have, keep E0 / (layers + 1), which orders tails as E0 does.

    With ``side_graph`` the pairs of the side relations are links of the same graph (as social recommenders do with friends),
    whether or not they are tasks too: side information in the encoder instead of, or beside, side information as a task.

    Args:
        nodes: Node types and their sizes.
        relations: One per task; the main task's first, whose pairs make the graph.
        dim: Length of an embedding.
        generator: Source of the initial values.
        layers: Times that embeddings are passed on; >= 1.
        init_std: Standard deviation of the normal distribution of the initial values; > 0.
        dropout: Share of the links that are dropped, others in every step of a training; in [0, 1).
        side_graph: Whether the side relations are links too.
        item_bias: Whether the last coordinate of an item is its bias.

    Raises:
        ValueError: If ``layers``, ``init_std`` or ``dropout`` is out of range.
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
        dropout: float = 0.0,
        side_graph: bool = False,
        item_bias: bool = False,
    ) -> None:
        super().__init__()
        if layers < 1:
            raise ValueError(f"layers must be >= 1, found {layers}")
        if not init_std > 0:
            raise ValueError(f"init_std must be > 0, found {init_std}")
        if not 0 <= dropout < 1:
            raise ValueError(f"dropout must be in [0, 1), found {dropout}")
        self.nodes, self.layers, self.dropout, self.item_bias = nodes, layers, dropout, item_bias
        self.weight = nn.Parameter(torch.randn(nodes.n_rows, dim, generator=generator) * init_std)
        self._graph = Graph(nodes, relations if side_graph else relations[:1])
        # No part of what is saved: it follows from the data.
        self.register_buffer("adjacency", self._graph.matrix(), persistent=False)
        self._noise = numpy_generator(generator.initial_seed(), "dropout")

    def forward(self) -> Embeddings:
        """Propagate, ``[n_rows, dim]``; over all links when not in training."""
        adjacency = self.adjacency
        if self.training and self.dropout:
            adjacency = self._graph.thinned(self.dropout, self._noise).to(adjacency.device)
        stacked = smoothed(adjacency, self.weight, self.layers)
        return Embeddings(with_item_bias(stacked, self.nodes) if self.item_bias else stacked, self.nodes)
