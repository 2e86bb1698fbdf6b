"""The engine: the gradients of every task with respect to the touched rows only, in one backward pass.

The touched rows are gathered once per task, so that each task has its own copy of a row. The gradient of the *sum* of the
losses with respect to the copies is then every task's own gradient, which one backward pass gives. Time and memory depend
on the batch, never on the size of the tables. (Ours.)
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from pipeline.combiners._base import RowGradients
from pipeline.losses._base import Loss
from pipeline.sampling import Triplets

__all__ = ["row_gradients"]


def row_gradients(table: Tensor, batches: Sequence[Triplets], loss: Loss) -> tuple[RowGradients, Tensor]:
    """Gradients of ``loss(batches[t])`` with respect to the rows of ``table`` that any batch touches.

    Args:
        table: Embeddings of all nodes ``[n_table_rows, dim]``; it is read, never written.
        batches: One batch per task, in row numbers of ``table``; the main task's first. Batches may differ in size.
        loss: From embeddings ``[batch, dim]`` of heads, tails and negatives to a scalar.

    Returns:
        The gradients, and the loss of every task ``[n_tasks]``.
    """
    n_tasks = len(batches)
    sizes = [batch.heads.numel() for batch in batches for _ in range(3)]
    touched = torch.cat([numbers for batch in batches for numbers in (batch.heads, batch.tails, batch.negatives)])
    rows, position = torch.unique(touched, return_inverse=True)
    n_rows, dim = rows.numel(), table.shape[1]

    copies = table.detach()[rows].repeat(n_tasks, 1).requires_grad_()  # [n_tasks * n_rows, dim]
    per_task = [3 * batch.heads.numel() for batch in batches]
    task = torch.repeat_interleave(
        torch.arange(n_tasks, device=table.device),
        torch.tensor(per_task, device=table.device),
        output_size=sum(per_task),
    )
    slots = position + task * n_rows
    parts = torch.split(copies.index_select(0, slots), sizes)
    losses = torch.stack([loss(*parts[3 * t : 3 * t + 3]) for t in range(n_tasks)])
    (values,) = torch.autograd.grad(losses.sum(), copies)

    present = torch.zeros(n_tasks * n_rows, dtype=torch.bool, device=table.device)
    present[slots] = True
    gradients = RowGradients(rows, values.view(n_tasks, n_rows, dim), present.view(n_tasks, n_rows))
    return gradients, losses.detach()
