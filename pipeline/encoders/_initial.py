"""Initial values of the tables."""

import math
from typing import Literal

import torch
from torch import Tensor

from pipeline.data.relation import NodeTypes

__all__ = ["Init", "initial_table", "xavier_uniform"]

Init = Literal["normal", "xavier_uniform", "xavier_normal"]
"""``normal`` has a standard deviation of its own; the others that of Glorot and Bengio (AISTATS 2010), as torch names them."""


def xavier_uniform(rows: int, dim: int, generator: torch.Generator) -> Tensor:
    """Uniform within +-sqrt(6 / (rows + dim)), ``[rows, dim]``."""
    return (2 * torch.rand(rows, dim, generator=generator) - 1) * math.sqrt(6 / (rows + dim))


def initial_table(nodes: NodeTypes, dim: int, generator: torch.Generator, init: Init, std: float) -> Tensor:
    """Values of the stacked table ``[n_rows, dim]``; Xavier's depend on the size of each node type's own table.

    Raises:
        ValueError: If ``std`` is not > 0.
    """
    if not std > 0:
        raise ValueError(f"init_std must be > 0, found {std}")
    if init == "normal":
        return torch.randn(nodes.n_rows, dim, generator=generator) * std
    if init == "xavier_uniform":
        return torch.cat([xavier_uniform(size, dim, generator) for size in nodes.sizes.values()])
    scales = [(size, math.sqrt(2 / (size + dim))) for size in nodes.sizes.values()]
    return torch.cat([torch.randn(size, dim, generator=generator) * scale for size, scale in scales])
