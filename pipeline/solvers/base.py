"""What a solver is: the tasks' gradients for all nodes of a type, and the solution for weights of the tasks at every node."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from pipeline.data.relation import NodeTypes
from pipeline.data.task_data import TaskData
from pipeline.errors import InputError

__all__ = ["Machine", "Solver"]


@dataclass(frozen=True)
class Machine:
    """Where and how exactly a solver computes.

    Attributes:
        device: Of the tables.
        threads: On a CPU; the result does not depend on it.
        dtype: Of the tables.
    """

    device: torch.device = field(default_factory=lambda: torch.device("cpu"))
    threads: int = 1
    dtype: torch.dtype = torch.float32


class Solver(ABC):
    """Losses that are quadratic in every single row, all others held.

    A row e then has one system of equations per task, A[t,e] x = b[t,e], whose difference A[t,e] x - b[t,e] is the gradient
    (halved). Weights w[t,e] of a combination rule go into the sum over t of w[t,e] (A[t,e] x - b[t,e]) = 0, which is solved
    exactly: where an optimiser that rescales gradients would undo a weight, here it means what it says.

    Args:
        tasks: The main task first. Tasks without a relation are left out.
        seed: Of the initial embeddings.
        machine: Where it computes.

    Attributes:
        tasks: Names of the tasks.
        nodes: Node types, those included that a task has for itself.
        table: The embeddings of all node types, stacked ``[n_rows, dim]``.
        sweeps: Number of passes over the node types.
        remarks: What a user should know of how the data and the options went together.
    """

    tasks: Sequence[str]
    nodes: NodeTypes
    table: Tensor
    sweeps: int
    remarks: Sequence[str] = ()

    @abstractmethod
    def __init__(self, tasks: Sequence[TaskData], seed: int, machine: Machine) -> None: ...

    def of(self, node_type: str) -> Tensor:
        """View of the embeddings of a node type ``[n_nodes, dim]``."""
        return self.table.narrow(0, self.nodes.offset(node_type), self.nodes.sizes[node_type])

    def start_from(self, tables: Mapping[str, Tensor]) -> None:
        """Begin where another training ended.

        Args:
            tables: Node type -> ``[n_nodes, dim]``; NaN where there is no earlier row, which then keeps its initial one.
        """
        for kind, table in tables.items():
            if table.shape[1] != self.table.shape[1]:
                problem = f"embeddings of length {self.table.shape[1]} cannot begin at those of length {table.shape[1]}"
                raise InputError(f"warm start: {problem}. Fix: solve with dim {table.shape[1]}")
            if kind in self.nodes.sizes:
                here = table.to(self.table)
                self.of(kind).copy_(torch.where(here.isnan(), self.of(kind), here))

    @abstractmethod
    def degrees(self) -> Tensor:
        """Number of pairs of every row in every task ``[n_tasks, n_rows]``."""

    @abstractmethod
    def gradients(self, node_type: str) -> tuple[Tensor, Tensor]:
        """The tasks' gradients with respect to all nodes of a type.

        Returns:
            ``[n_tasks, n_nodes, dim]``, zero where the node type is not in the task; and ``[n_tasks, n_nodes]``, where it is.
        """

    @abstractmethod
    def solve(self, node_type: str, weights: Tensor) -> None:
        """Replace the embeddings of a node type by the solution.

        Args:
            node_type: Which.
            weights: ``[n_tasks, n_nodes]``, >= 0. A row without any weight stays as it is.

        Raises:
            DivergedError: If a solution is not finite.
        """

    def fold_in(self) -> Tensor | None:
        """How a history becomes a row (see ``pipeline.ranking.fold_in.fold_in_of``); ``None``: by a softmax."""
        return None

    @abstractmethod
    def losses(self) -> Tensor:
        """The tasks' losses over all their pairs as the tables are now, float64 ``[n_tasks]``."""
