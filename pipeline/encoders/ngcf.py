"""NGCF: embeddings of users and items, convolved with learned weights over the graph of the training interactions."""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from pipeline.data.relation import NodeTypes, Relation
from pipeline.encoders._graph import Graph, propagated
from pipeline.encoders._initial import Init, initial_table, xavier_uniform
from pipeline.encoders.base import Embeddings, Encoder
from pipeline.seeding import torch_generator

__all__ = ["NGCF"]

_MOST_LAYERS = 100
_SLOPE = 0.2  # of the rectifier below 0, as in the authors' code


class NGCF(Encoder):
    """E[k+1] = LeakyReLU((L + I) E[k] W1[k] + (L E[k] * E[k]) W2[k]), concatenated over k = 0..layers.

    Wang et al., SIGIR 2019, equations 7 and 9; L = D^-1/2 A D^-1/2 of the main task's training pairs. An embedding has
    dim * (layers + 1) numbers. Without biases and without normalisation of the layers, which the authors' code adds.

    Args:
        nodes: Node types and their sizes.
        relations: One per task, main task first; the main task's pairs are the edges of the graph.
        dim: Length of a layer.
        generator: Random generator of the initial values.
        layers: Number of propagation layers; in 1..100.
        dropout: Fraction of the numbers of a layer dropped in each training step; in [0, 1).
        init: See ``Init``.
        init_std: Standard deviation of ``init: normal``; > 0.

    Raises:
        ValueError: If ``layers``, ``dropout`` or ``init_std`` is out of range.
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
        dropout: float = 0.0,
        init: Init = "xavier_uniform",
        init_std: float = 0.1,
    ) -> None:
        super().__init__(nodes)
        if not 1 <= layers <= _MOST_LAYERS:
            raise ValueError(f"layers must be in 1..{_MOST_LAYERS}, found {layers}")
        if not 0 <= dropout < 1:
            raise ValueError(f"dropout must be in [0, 1), found {dropout}")
        self.layers, self.dropout = layers, dropout
        self.weight = nn.Parameter(initial_table(nodes, dim, generator, init, init_std))
        self.sums, self.products = (
            nn.ParameterList(xavier_uniform(dim, dim, generator) for _ in range(layers)) for _ in ("W1", "W2")
        )
        # Not saved, as it is derived from the data.
        self.register_buffer("adjacency", Graph(nodes, relations[:1]).matrix(), persistent=False)
        self._noise = torch_generator(generator.initial_seed(), "dropout")

    def width(self, dim: int) -> int:
        """See the base class."""
        return dim * (self.layers + 1)

    def memory(self) -> dict[str, Any]:
        """Where the generator of the dropout is."""
        return {"noise": self._noise.get_state()}

    def remember(self, memory: Mapping[str, Any]) -> None:
        """See the base class."""
        self._noise.set_state(memory["noise"])

    def forward(self) -> Embeddings:
        """Propagate, ``[n_rows, dim * (layers + 1)]``; without dropout outside training."""
        layer: Tensor = self.weight
        found = [layer]
        for w1, w2 in zip(self.sums, self.products, strict=True):
            around = propagated(self.adjacency, layer)
            layer = functional.leaky_relu((around + layer) @ w1 + (around * layer) @ w2, _SLOPE)
            if self.training and self.dropout:
                kept = torch.rand(layer.shape, generator=self._noise) >= self.dropout
                layer = layer * kept.to(layer.device) / (1 - self.dropout)
            found.append(layer)
        return Embeddings(torch.cat(found, dim=1), self.nodes)
