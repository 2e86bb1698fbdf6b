"""Granularity at which a rule is applied: to all rows jointly, per table, or per entity (each user and item).

Rules in the multi-task literature work on one gradient per task, taken over all shared parameters. Here they work on one
gradient per task and *group* of rows (ours). The rows of a group share their weights; groups are independent.
"""

from collections.abc import Mapping
from typing import Literal

import torch
from torch import Tensor

from pipeline.combiners.base import RowGradients

__all__ = ["Granularity", "Groups", "n_states", "running_mean"]

Granularity = Literal["global", "table", "entity"]


def n_states(granularity: Granularity, tables: Mapping[str, int]) -> int:
    """Number of groups that can occur in training: the size of a buffer with one entry per group."""
    return {"global": 1, "table": len(tables), "entity": sum(tables.values())}[granularity]


class Groups:
    """The rows of one step, partitioned into groups.

    Args:
        gradients: Row gradients of the step.
        granularity: ``"global"``, ``"table"`` or ``"entity"``.
        n_tables: Number of tables.

    Attributes:
        present: ``[n_tasks, n_groups]``, whether the task touched any row of the group.
        states: Index of each group in a buffer with ``n_states`` entries, int64 ``[n_groups]``.
        tables: Table index of each group, int64 ``[n_groups]``; 0 if the group spans all tables.
    """

    def __init__(self, gradients: RowGradients, granularity: Granularity, n_tables: int) -> None:
        self._values = gradients.values
        if granularity == "entity":
            self._of_row = None
            self.states, self.tables, self.present = gradients.rows, gradients.tables, gradients.present
            return
        n_groups = n_tables if granularity == "table" else 1
        self._of_row = gradients.tables if granularity == "table" else torch.zeros_like(gradients.tables)
        self.states = self.tables = torch.arange(n_groups, device=gradients.rows.device)
        self.present = self._sum(gradients.present.to(torch.int64)) > 0

    def norms(self) -> Tensor:
        """L2 norm of each task's gradient over each group ``[n_tasks, n_groups]``."""
        norms = torch.linalg.vector_norm(self._values, dim=2)
        return norms if self._of_row is None else self._sum(norms.double().square()).sqrt().to(norms.dtype)

    def inner_products(self) -> Tensor:
        """Inner products <g[t], g[u]> of a group's task gradients, divided by the group's largest <g[t], g[t]>.

        Returns:
            float64 ``[n_groups, n_tasks, n_tasks]``; zeros where all gradients of a group are zero.
        """
        n_tasks = self._values.shape[0]
        products = self._values.new_empty(n_tasks, n_tasks, self.states.numel(), dtype=torch.float64)
        for t in range(n_tasks):
            for u in range(t + 1):
                per_row = (self._values[t] * self._values[u]).sum(dim=1).double()
                products[t, u] = products[u, t] = self._sum(per_row)
        longest = products.diagonal().amax(dim=1)
        return (products / longest.where(longest > 0, 1.0)).permute(2, 0, 1).contiguous()

    def to_rows(self, per_group: Tensor) -> Tensor:
        """Expand weights ``[n_tasks, n_groups]`` to ``[n_tasks, n_rows]``; zero for a task absent from the group."""
        weights = per_group.to(self._values.dtype) * self.present
        return weights if self._of_row is None else weights[:, self._of_row]

    def _sum(self, per_row: Tensor) -> Tensor:
        """``[..., n_rows]`` -> ``[..., n_groups]``."""
        if self._of_row is None:
            return per_row
        total = per_row.new_zeros(*per_row.shape[:-1], self.states.numel())
        return total.index_add_(-1, self._of_row, per_row)


def running_mean(buffer: Tensor, states: Tensor, observed: Tensor, present: Tensor, decay: float) -> Tensor:
    """Exponential moving average m <- decay * m + (1 - decay) * observed, initialised with the first observation.

    Args:
        buffer: The means ``[n_tasks, n_states]``, zero where nothing has been observed yet; updated in place.
        states: Distinct column indices into the buffer ``[n]``.
        observed: ``[n_tasks, n]``; >= 0.
        present: ``[n_tasks, n]``; where false, the mean is left unchanged.
        decay: In [0, 1).

    Returns:
        The means at ``states`` ``[n_tasks, n]``.
    """
    before = buffer[:, states]
    after = torch.where(before > 0, decay * before + (1 - decay) * observed, observed)
    means = torch.where(present, after, before)
    buffer.index_copy_(1, states, means)
    return means
