"""The steps of one epoch: which rows a step touches, and where every task's examples lie among them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from pipeline.data.examples import Examples
from pipeline.data.relation import Numbers
from pipeline.kernels import compiling
from pipeline.kernels.rows import distinct

__all__ = ["Batch", "batches"]


@dataclass(frozen=True, eq=False)
class Batch:
    """One step.

    Attributes:
        rows: Distinct rows of the stacked table that any task touches, int64 ``[n_rows]``.
        examples: One per task, in positions within ``rows``.
        present: ``[n_tasks, n_rows]``, true where the task's examples have the row.
    """

    rows: Tensor
    examples: Sequence[Examples]
    present: Tensor

    def to(self, device: torch.device) -> "Batch":
        """Copy to another device without blocking."""
        examples = [of_task.to(device) for of_task in self.examples]
        return Batch(self.rows.to(device, non_blocking=True), examples, self.present.to(device, non_blocking=True))


def batches(steps: Iterator[Sequence[Examples]], n_table_rows: int) -> Iterator[Batch]:
    """Number the rows that each step touches.

    Rows are de-duplicated here, on the CPU, because on a GPU a data-dependent size would force a synchronisation per step.

    Args:
        steps: The examples of every task in every step, in rows of the stacked table, on the CPU.
        n_table_rows: Declared number of rows of the stacked table.
    """
    numbering = _Numbering(n_table_rows)
    for of_tasks in steps:
        columns = [(task, name, column.numpy()) for task, of in enumerate(of_tasks) for name, column in of.rows.items()]
        rows, positions = numbering(np.concatenate([column for _, _, column in columns]))
        present = np.zeros((len(of_tasks), rows.size), dtype=np.bool_)
        placed: list[dict[str, Tensor]] = [{} for _ in of_tasks]
        ends = np.cumsum([column.size for _, _, column in columns])
        for (task, name, _), of_column in zip(columns, np.split(positions, ends[:-1]), strict=True):
            present[task, of_column] = True
            placed[task][name] = torch.from_numpy(of_column)
        examples = [Examples(of_rows, of.values) for of_rows, of in zip(placed, of_tasks, strict=True)]
        yield Batch(torch.from_numpy(rows), examples, torch.from_numpy(present))


class _Numbering:
    """Distinct rows in ascending order and the position of every entry among them, as by ``np.unique`` with the inverse.

    A step then reads the tables in ascending order, which is several times faster than random access.
    """

    def __init__(self, n_table_rows: int) -> None:
        self._seen = np.zeros(n_table_rows, dtype=np.bool_)
        self._place = np.empty(n_table_rows, dtype=np.int64)

    def __call__(self, touched: Numbers) -> tuple[Numbers, Numbers]:
        if not compiling.is_available():
            rows, positions = np.unique(touched, return_inverse=True)
            return rows, positions
        found = np.empty_like(touched)
        rows = np.sort(found[: distinct(touched, self._seen, found)])
        self._place[rows] = np.arange(rows.size)
        return rows, self._place[touched]
