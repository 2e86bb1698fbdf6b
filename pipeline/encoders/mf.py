"""Matrix factorisation: each embedding is a free parameter vector."""

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor, nn

from pipeline.data.relation import NodeTypes, Relation
from pipeline.encoders._graph import Graph, smoothed, with_item_bias
from pipeline.encoders._initial import Init, initial_table
from pipeline.encoders.base import Embeddings, Encoder, ParameterGradient
from pipeline.kernels import compiling
from pipeline.kernels.rows import gather

__all__ = ["MF"]


class MF(Encoder):
    """One free vector per node; the score of a pair is the inner product (Koren et al., IEEE Computer 2009).

    With ``side_layers`` the vectors are smoothed over the graph of the side relations, as LightGCN does over that of the
    interactions (ours): side information in the encoder instead of, or in addition to, side tasks.

    Args:
        nodes: Node types and their sizes.
        relations: One per task, main task first.
        dim: Embedding dimension.
        generator: Random generator of the initial values.
        init: Distribution of the initial values: ``"normal"``, ``"xavier_uniform"`` or ``"xavier_normal"``, per node type.
        init_std: Standard deviation of ``"normal"``; > 0.
        side_layers: Number of propagation layers over the side relations; 0: the vectors are the embeddings.
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
        init: Init = "normal",
        init_std: float = 0.1,
        side_layers: int = 0,
        item_bias: bool = False,
    ) -> None:
        super().__init__(nodes)
        if side_layers < 0:
            raise ValueError(f"side_layers must be >= 0, found {side_layers}")
        self.side_layers, self.item_bias = side_layers, item_bias
        self.weight = nn.Parameter(initial_table(nodes, dim, generator, init, init_std))
        adjacency = Graph(nodes, relations[1:]).matrix() if side_layers else None
        self.register_buffer("adjacency", adjacency, persistent=False)

    def forward(self) -> Embeddings:
        """The parameters themselves ``[n_rows, dim]``, unless they are smoothed or items have biases."""
        stacked: Tensor = self.weight
        if self.adjacency is not None:
            stacked = smoothed(self.adjacency, stacked, self.side_layers)
        return Embeddings(with_item_bias(stacked, self.nodes) if self.item_bias else stacked, self.nodes)

    def encode(self, row_ids: Tensor) -> Tensor:
        """See the base class; free vectors are only gathered."""
        if not self._is_free():
            return super().encode(row_ids)
        table = self.weight.detach()
        if not compiling.is_compiled_for(table):
            return table.index_select(0, row_ids)
        gathered = table.new_empty(row_ids.numel(), table.shape[1])
        gather(table.numpy(), row_ids.numpy(), gathered.numpy())
        return gathered

    def gradients(self, row_ids: Tensor, encoded: Tensor, gradient: Tensor) -> Iterator[ParameterGradient]:
        """See the base class; the gradients of free vectors are those of the embeddings."""
        if self._is_free():
            yield self.weight, row_ids, gradient
        else:
            yield from super().gradients(row_ids, encoded, gradient)

    def _is_free(self) -> bool:
        """Whether the embeddings are the parameters themselves."""
        return self.adjacency is None and not self.item_bias
