"""What a task learns from: columns of rows of the stacked table, and numbers that belong to them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # stages that build tasks need not wait for torch
    import torch
    from torch import Tensor

__all__ = ["HEADS", "NEGATIVES", "TAILS", "TARGETS", "Examples"]

HEADS, TAILS, NEGATIVES, TARGETS = "heads", "tails", "negatives", "targets"
"""The columns that several tasks and losses share; others may have any name."""


@dataclass(frozen=True, eq=False)
class Examples:
    """Examples of one task, of a whole epoch or of a step.

    Attributes:
        rows: Column -> int64 ``[n]``: rows of the stacked table; in a step, positions among the rows of the step.
        values: Column -> ``[n]`` or ``[n, width]``: targets, features, whatever is no row.
    """

    rows: "Mapping[str, Tensor]"
    values: "Mapping[str, Tensor]" = field(default_factory=dict)

    def __getitem__(self, column: str) -> "Tensor":
        return self.rows[column] if column in self.rows else self.values[column]

    def only(self, columns: tuple[str, ...]) -> "Examples":
        """The columns of these names, in the order in which they are here."""
        rows, values = ({name: of[name] for name in of if name in columns} for of in (self.rows, self.values))
        return Examples(rows, values)

    def to(self, device: "torch.device") -> "Examples":
        """Copy to another device without blocking."""
        rows, values = (
            {name: column.to(device, non_blocking=True) for name, column in of.items()} for of in (self.rows, self.values)
        )
        return Examples(rows, values)
