"""Matrix factorisation: an embedding is a free row of parameters."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from pipeline.data.relation import NodeTypes, Relation
from pipeline.encoders._base import Embeddings, Encoder
from pipeline.encoders._graph import Graph, smoothed, with_item_bias

__all__ = ["MF"]


class MF(Encoder):
    """One free vector per node; the score of a pair is the inner product (Koren et al., IEEE Computer 2009).

    With ``side_layers`` the vectors are smoothed over the graph of the side relations, as LightGCN does over that of the
    interactions (ours): side information in the encoder instead of, or beside, side information as a task.

    Args:
        nodes: Node types and their sizes.
        relations: One per task; the main task's first.
        dim: Length of an embedding.
        generator: Source of the initial values.
        init_std: Standard deviation of the normal distribution of the initial values; > 0.
        side_layers: Times that embeddings are passed on over the side relations; 0: the vectors are the embeddings.
        item_bias: Whether the last coordinate of an item is its bias.

    Raises:
        ValueError: If ``init_std`` or ``side_layers`` is out of range.
    """

    adjacency: Tensor | None

    def __init__(
        self,
        nodes: NodeTypes,
        relations: Sequence[Relation],
        dim: int,
        generator: torch.Generator,
        *,
        init_std: float = 0.1,
        side_layers: int = 0,
        item_bias: bool = False,
    ) -> None:
        super().__init__()
        if not init_std > 0:
            raise ValueError(f"init_std must be > 0, found {init_std}")
        if side_layers < 0:
            raise ValueError(f"side_layers must be >= 0, found {side_layers}")
        self.nodes, self.side_layers, self.item_bias = nodes, side_layers, item_bias
        self.weight = nn.Parameter(torch.randn(nodes.n_rows, dim, generator=generator) * init_std)
        adjacency = Graph(nodes, relations[1:]).matrix() if side_layers else None
        self.register_buffer("adjacency", adjacency, persistent=False)

    def forward(self) -> Embeddings:
        """The parameters themselves where nothing is asked of them, ``[n_rows, dim]``."""
        stacked: Tensor = self.weight
        if self.adjacency is not None:
            stacked = smoothed(self.adjacency, stacked, self.side_layers)
        return Embeddings(with_item_bias(stacked, self.nodes) if self.item_bias else stacked, self.nodes)
