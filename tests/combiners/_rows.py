"""Row gradients by hand."""

import torch

from pipeline.combiners._base import RowGradients


def row_gradients(values: list[list[list[float]]], present: list[list[bool]] | None = None) -> RowGradients:
    """``values[task][row]`` is a gradient; where ``present`` is not given, every task touched every row."""
    tensor = torch.tensor(values, dtype=torch.float64)
    shape = tensor.shape[:2]
    touched = torch.ones(shape, dtype=torch.bool) if present is None else torch.tensor(present)
    return RowGradients(torch.arange(shape[1]), tensor, touched)
