"""The engine: the gradients of every task with respect to the touched rows only.

The rows that any task touches are de-duplicated and gathered once; each task's gradient is taken with respect to that small
table. Time and memory depend on the batch, never on the size of the tables. (Ours.)

The rows may be the output of an encoder (LightGCN). Gradients are then taken at its output, where the rule combines them, and
the combined gradient is backpropagated through the encoder once, however many tasks there are.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from pipeline.combiners.base import RowGradients
from pipeline.losses.base import Loss
from pipeline.training.batches import Batch

__all__ = ["batch_losses", "row_gradients"]


def row_gradients(rows: Tensor, tables: Tensor, batch: Batch, losses: Sequence[Loss]) -> tuple[RowGradients, Tensor]:
    """Gradients of every task's loss with respect to the rows that any task touches.

    Args:
        rows: Embeddings of ``batch.rows``, ``[n_rows, dim]``; read, never written.
        tables: First row of every node type, ascending, ``[n_tables]``.
        batch: Examples of the step and the rows that they touch.
        losses: One per task, main task first. ``grad`` of their own parameters is set.

    Returns:
        The gradients, and the loss of every task ``[n_tasks]``: NaN where a gradient is not finite.
    """
    rows = rows.detach()
    values = rows.new_zeros(len(losses), *rows.shape)
    found = rows.new_empty(len(losses))
    for task, (loss, examples) in enumerate(zip(losses, batch.examples, strict=True)):
        closed = loss.closed_form(rows, examples, values[task])
        found[task] = _by_autograd(rows, batch, loss, task, values[task]) if closed is None else closed
    table_of = torch.bucketize(batch.rows, tables, right=True) - 1
    return RowGradients(batch.rows, table_of, values, batch.present), found


def _by_autograd(rows: Tensor, batch: Batch, loss: Loss, task: int, gradient: Tensor) -> Tensor:
    """Loss and gradient by autograd: the reference for every closed form."""
    leaf = rows.clone().requires_grad_()
    own = list(loss.parameters())
    with torch.enable_grad():
        value: Tensor = loss(leaf, batch.examples[task], batch.rows)
        leaf_gradient, *own_gradients = torch.autograd.grad(value, [leaf, *own], allow_unused=True, materialize_grads=True)
    for parameter, own_gradient in zip(own, own_gradients, strict=True):
        parameter.grad = own_gradient
    gradient.copy_(leaf_gradient)
    return value.detach().where(leaf_gradient.sum().isfinite(), torch.nan)


@torch.no_grad()
def batch_losses(rows: Tensor, batch: Batch, losses: Sequence[Loss]) -> Tensor:
    """The loss of every task on the same batch ``[n_tasks]``, without gradients; ``rows`` as of ``row_gradients``."""
    return torch.stack([loss(rows, of_task, batch.rows) for loss, of_task in zip(losses, batch.examples, strict=True)])
