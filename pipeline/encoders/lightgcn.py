"""LightGCN: embeddings of users and items, smoothed over the graph of the training interactions."""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from pipeline.data.relation import NodeTypes, Relation
from pipeline.encoders._graph import Graph, smoothed, with_item_bias
from pipeline.encoders._initial import Init, initial_table
from pipeline.encoders.base import Embeddings, Encoder
from pipeline.seeding import numpy_generator

__all__ = ["LightGCN"]


class LightGCN(Encoder):
    """E = mean over k = 0..layers of (D^-1/2 A D^-1/2)^k E0 (He et al., SIGIR 2020, equations 3 and 4).

    A is the symmetric adjacency matrix of the main task's training pairs, duplicates counted once; D holds the degrees. Nodes
    without a training pair, and node types that the main task lacks, keep E0 / (layers + 1), which ranks tails as E0 does.

    With ``side_graph`` the pairs of the side relations are also edges of the graph (like friendships in social recommenders),
    whether or not they are tasks: side information in the encoder instead of, or in addition to, side tasks.

    Args:
        nodes: Node types and their sizes.
        relations: One per task, main task first; the main task's pairs are the edges of the graph.
        dim: Embedding dimension.
        generator: Random generator of the initial values.
        layers: Number of propagation layers; >= 1.
        init: Distribution of the initial values: ``"normal"``, ``"xavier_uniform"`` or ``"xavier_normal"``, per node type.
        init_std: Standard deviation of ``"normal"``; > 0.
        dropout: Fraction of the edges dropped, resampled in every training step; in [0, 1).
        side_graph: Whether the pairs of the side relations are edges too.
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
        init: Init = "normal",
        init_std: float = 0.1,
        dropout: float = 0.0,
        side_graph: bool = False,
        item_bias: bool = False,
    ) -> None:
        super().__init__(nodes)
        if layers < 1:
            raise ValueError(f"layers must be >= 1, found {layers}")
        if not 0 <= dropout < 1:
            raise ValueError(f"dropout must be in [0, 1), found {dropout}")
        self.layers, self.dropout, self.item_bias = layers, dropout, item_bias
        self.weight = nn.Parameter(initial_table(nodes, dim, generator, init, init_std))
        self._graph = Graph(nodes, relations if side_graph else relations[:1])
        # Not saved, as it is derived from the data.
        self.register_buffer("adjacency", self._graph.matrix(), persistent=False)
        self._noise = numpy_generator(generator.initial_seed(), "dropout")

    def memory(self) -> dict[str, Any]:
        """Where the generator of the dropout is."""
        return {"noise": self._noise.bit_generator.state}

    def remember(self, memory: Mapping[str, Any]) -> None:
        """See the base class."""
        self._noise.bit_generator.state = memory["noise"]

    def forward(self) -> Embeddings:
        """Propagate, ``[n_rows, dim]``; without edge dropout outside training."""
        adjacency = self.adjacency
        if self.training and self.dropout:
            adjacency = self._graph.thinned(self.dropout, self._noise).to(adjacency.device)
        stacked = smoothed(adjacency, self.weight, self.layers)
        return Embeddings(with_item_bias(stacked, self.nodes) if self.item_bias else stacked, self.nodes)
