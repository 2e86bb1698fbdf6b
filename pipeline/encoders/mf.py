"""Matrix factorisation: an embedding is a free row of parameters."""

from collections.abc import Sequence

import torch
from torch import nn

from pipeline.data.relation import NodeTypes, Relation
from pipeline.encoders._base import Embeddings, Encoder

__all__ = ["MF"]


class MF(Encoder):
    """One free vector per node; the score of a pair is the inner product (Koren et al., IEEE Computer 2009).

    Args:
        nodes: Node types and their sizes.
        relations: Not used.
        dim: Length of an embedding.
        generator: Source of the initial values.
        init_std: Standard deviation of the normal distribution of the initial values; > 0.

    Raises:
        ValueError: If ``init_std`` is not positive.
    """

    def __init__(
        self,
        nodes: NodeTypes,
        relations: Sequence[Relation],
        dim: int,
        generator: torch.Generator,
        *,
        init_std: float = 0.1,
    ) -> None:
        super().__init__()
        if not init_std > 0:
            raise ValueError(f"init_std must be > 0, found {init_std}")
        self.nodes = nodes
        self.weight = nn.Parameter(torch.randn(nodes.n_rows, dim, generator=generator) * init_std)

    def forward(self) -> Embeddings:
        """The parameters themselves, ``[n_rows, dim]``."""
        return Embeddings(self.weight, self.nodes)
