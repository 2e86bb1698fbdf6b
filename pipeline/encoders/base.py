"""What an encoder is: a module that gives the embeddings of all nodes, or of some rows, from parameters of any shape."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from pipeline.data.relation import ITEM, USER, NodeTypes
from pipeline.errors import InputError

__all__ = ["Embeddings", "Encoder", "ParameterGradient"]

ParameterGradient = tuple[nn.Parameter, Tensor, Tensor]
"""A parameter, distinct indices along its first dimension ``[n]``, and the gradients of these ``[n, ...]``."""


@dataclass(frozen=True, eq=False)
class Embeddings:
    """Embeddings of all nodes.

    Attributes:
        stacked: ``[n_rows, dim]``, the embeddings of all node types concatenated.
        nodes: Node types and their row offsets.
    """

    stacked: Tensor
    nodes: NodeTypes

    def table(self, node_type: str) -> Tensor:
        """View of the embeddings of one node type ``[n_nodes, dim]``."""
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
    """Gives embeddings from its parameters, of which there may be any number.

    Args:
        nodes: Node types of the stacked table.
    """

    def __init__(self, nodes: NodeTypes) -> None:
        super().__init__()
        self.nodes = nodes

    def width(self, dim: int) -> int:
        """Length of the embeddings that are made of parameters of length ``dim``."""
        return dim

    def memory(self) -> dict[str, Any]:
        """What it knows of earlier steps beside its parameters, nested (see ``pipeline.states``)."""
        return {}

    def remember(self, memory: Mapping[str, Any]) -> None:  # a no-op for encoders whose parameters are all
        """Take over what ``memory`` has given."""

    @torch.no_grad()
    def start_from(self, tables: Mapping[str, Tensor]) -> None:
        """Begin where another training ended: rows of the parameters that are tables of all nodes.

        Args:
            tables: Node type -> ``[n_nodes, dim]``; NaN where there is no earlier row, which then keeps its initial one.

        Raises:
            InputError: If embeddings have another length.
        """
        for parameter in self.parameters():
            if parameter.dim() == 2 and len(parameter) == self.nodes.n_rows:  # noqa: PLR2004
                for kind, table in tables.items():
                    if kind in self.nodes.sizes:
                        if table.shape[1] != parameter.shape[1]:
                            problem = (
                                f"embeddings of length {parameter.shape[1]} cannot begin at those of length {table.shape[1]}"
                            )
                            raise InputError(f"warm start: {problem}. Fix: train with dim {table.shape[1]}")
                        own = parameter.narrow(0, self.nodes.offset(kind), self.nodes.sizes[kind])
                        here = table.to(own)
                        own.copy_(torch.where(here.isnan(), own, here))

    @abstractmethod
    def forward(self) -> Embeddings:
        """The embeddings of all nodes as they are now."""

    def encode(self, row_ids: Tensor) -> Tensor:
        """The embeddings of some rows, with the graph that leads to the parameters.

        By default all are made and some taken, as an encoder must that mixes rows. One that makes each row from its own
        input overrides this, so that a step costs what the batch costs.

        Args:
            row_ids: Distinct rows of the stacked table ``[n_rows]``.

        Returns:
            ``[n_rows, dim]``.
        """
        stacked: Tensor = self().stacked
        return stacked.index_select(0, row_ids)

    def gradients(self, row_ids: Tensor, encoded: Tensor, gradient: Tensor) -> Iterator[ParameterGradient]:
        """The gradient of embeddings as gradients of the parameters.

        By default by one backward pass, however many tasks there are. Where torch gives a sparse gradient (an embedding
        with ``sparse=True``), only the indices in it are moved; else all are.

        Args:
            row_ids: Rows ``[n_rows]``.
            encoded: What ``encode`` gave for them.
            gradient: Of these ``[n_rows, dim]``.
        """
        parameters = [parameter for parameter in self.parameters() if parameter.requires_grad]
        found = torch.autograd.grad(encoded, parameters, gradient, allow_unused=True)
        for parameter, of_parameter in zip(parameters, found, strict=True):
            if of_parameter is None:
                continue
            if of_parameter.is_sparse:
                entries = of_parameter.coalesce()
                yield parameter, entries.indices()[0], entries.values()
            else:
                yield (
                    parameter,
                    torch.arange(parameter.shape[0] if parameter.dim() else 1, device=parameter.device),
                    of_parameter,
                )
