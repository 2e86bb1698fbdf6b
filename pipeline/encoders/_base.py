"""What an encoder is: a module that gives the embeddings of all nodes, stacked by node type."""

from abc import ABC, abstractmethod
from dataclasses import dataclass

from torch import Tensor, nn

from pipeline.data.relation import ITEM, USER, NodeTypes

__all__ = ["Embeddings", "Encoder"]


@dataclass(frozen=True, eq=False)
class Embeddings:
    """Embeddings of all nodes.

    Attributes:
        stacked: ``[n_rows, dim]``, the node types below each other.
        nodes: Where each node type begins.
    """

    stacked: Tensor
    nodes: NodeTypes

    def table(self, node_type: str) -> Tensor:
        """A view ``[n_nodes, dim]`` of one node type."""
        return self.stacked.narrow(0, self.nodes.offset(node_type), self.nodes.sizes[node_type])

    @property
    def users(self) -> Tensor:
        """``[n_users, dim]``."""
        return self.table(USER)

    @property
    def items(self) -> Tensor:
        """``[n_items, dim]``."""
        return self.table(ITEM)


class Encoder(nn.Module, ABC):
    """Gives the embeddings of all nodes from its one parameter, a table ``[n_rows, dim]``."""

    @abstractmethod
    def forward(self) -> Embeddings:
        """The embeddings as they are now."""
