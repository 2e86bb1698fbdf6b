"""The steps of one epoch: which rows a step touches, and where every task's triplets lie among them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from pipeline import kernels
from pipeline.data.relation import Numbers
from pipeline.sampling import Triplets

__all__ = ["Batch", "batches"]


@dataclass(frozen=True, eq=False)
class Batch:
    """One step.

    Attributes:
        rows: Distinct rows of the stacked table that any task touches, int64 ``[n_rows]``.
        triplets: One per task, in positions within ``rows``.
        present: ``[n_tasks, n_rows]``, true where the row is a head, a tail or a used draw of the task.
    """

    rows: Tensor
    triplets: Sequence[Triplets]
    present: Tensor

    def to(self, device: torch.device) -> "Batch":
        """The same on another device, without waiting for it."""
        triplets = [
            Triplets(*(part.to(device, non_blocking=True) for part in (t.heads, t.tails, t.negatives))) for t in self.triplets
        ]
        return Batch(self.rows.to(device, non_blocking=True), triplets, self.present.to(device, non_blocking=True))


def batches(
    samples: Sequence[Triplets], batch_size: int, n_table_rows: int, n_drawn: Sequence[int | None] | None = None
) -> Iterator[Batch]:
    """Cut the triplets of an epoch into steps.

    Rows are de-duplicated here, on the CPU, so that no step on a GPU waits for a result whose size depends on data.

    Args:
        samples: One per task, in rows of the stacked table, on the CPU; all have the same number of triplets.
        batch_size: Triplets per task and step; the last step may have fewer.
        n_table_rows: Declared number of rows of the stacked table.
        n_drawn: Per task, how many of a step's drawn tails its loss uses (see ``Loss.n_drawn``). A row that was drawn for
            nothing would else count as touched, with a gradient of zero.
    """
    numbering = _Numbering(n_table_rows)
    columns = [part.numpy() for t in samples for part in (t.heads, t.tails, t.negatives)]
    for start in range(0, columns[0].size, batch_size):
        parts = [column[start : start + batch_size] for column in columns]
        for task, used in enumerate(n_drawn or ()):
            parts[3 * task + 2] = parts[3 * task + 2][:used]
        rows, positions = numbering(np.concatenate(parts))
        places = np.split(positions, np.cumsum([part.size for part in parts[:-1]]))
        present = np.zeros((len(samples), rows.size), dtype=np.bool_)
        for number, of_part in enumerate(places):
            present[number // 3, of_part] = True
        triplets = [Triplets(*map(torch.from_numpy, places[i : i + 3])) for i in range(0, len(places), 3)]
        yield Batch(torch.from_numpy(rows), triplets, torch.from_numpy(present))


class _Numbering:
    """The distinct rows in ascending order, and the place of every entry among them; as ``np.unique`` with its inverse.

    A step then walks through the tables in one direction, which the memory serves several times faster than jumps.
    """

    def __init__(self, n_table_rows: int) -> None:
        self._seen = np.zeros(n_table_rows, dtype=np.bool_)
        self._place = np.empty(n_table_rows, dtype=np.int64)

    def __call__(self, touched: Numbers) -> tuple[Numbers, Numbers]:
        if not kernels.is_compiled_for(torch.empty(0)):
            rows, positions = np.unique(touched, return_inverse=True)
            return rows, positions
        found = np.empty_like(touched)
        rows = np.sort(found[: kernels.distinct(touched, self._seen, found)])
        self._place[rows] = np.arange(rows.size)
        return rows, self._place[touched]
