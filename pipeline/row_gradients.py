"""The engine: the gradients of every task with respect to the touched rows only.

The rows that any task touches are gathered once, de-duplicated; every task's gradient is taken with respect to that small
table. Time and memory depend on the batch, never on the size of the tables. (Ours.)

An encoder may stand before the rows (LightGCN). The gradients are then those at its output, where the rule combines them,
and the combined gradient goes back through the encoder once, however many tasks there are.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from pipeline import kernels
from pipeline.batches import Batch
from pipeline.combiners._base import RowGradients
from pipeline.losses._base import Loss

__all__ = ["batch_losses", "row_gradients", "through_encoder"]


def row_gradients(stacked: Tensor, tables: Tensor, batch: Batch, losses: Sequence[Loss]) -> tuple[RowGradients, Tensor]:
    """Gradients of every task's loss with respect to the rows of ``stacked`` that any task touches.

    Args:
        stacked: Embeddings of all nodes ``[n_table_rows, dim]``; read, never written.
        tables: First row of every node type, ascending, ``[n_tables]``.
        batch: The step.
        losses: One per task; the main task's first. ``grad`` of their own parameters is set.

    Returns:
        The gradients, and the loss of every task ``[n_tasks]``: NaN where a gradient is not finite.
    """
    rows = _gather(stacked.detach(), batch.rows)
    values = rows.new_zeros(len(losses), *rows.shape)
    found = rows.new_empty(len(losses))
    for task, (loss, at) in enumerate(zip(losses, batch.triplets, strict=True)):
        closed = loss.closed_form(rows, (at.heads, at.tails, at.negatives), values[task])
        found[task] = _by_autograd(rows, batch, loss, task, values[task]) if closed is None else closed
    table_of = torch.bucketize(batch.rows, tables, right=True) - 1
    return RowGradients(batch.rows, table_of, values, batch.present), found


def _gather(table: Tensor, rows: Tensor) -> Tensor:
    """``table[rows]``."""
    if not kernels.is_compiled_for(table):
        return table.index_select(0, rows)
    gathered = table.new_empty(rows.numel(), table.shape[1])
    kernels.gather(table.numpy(), rows.numpy(), gathered.numpy())
    return gathered


def _by_autograd(rows: Tensor, batch: Batch, loss: Loss, task: int, gradient: Tensor) -> Tensor:
    """The reference of every closed form."""
    leaf = rows.clone().requires_grad_()
    own = list(loss.parameters())
    with torch.enable_grad():
        value = _loss(leaf, batch, loss, task)
        leaf_gradient, *own_gradients = torch.autograd.grad(value, [leaf, *own])
    for parameter, own_gradient in zip(own, own_gradients, strict=True):
        parameter.grad = own_gradient
    gradient.copy_(leaf_gradient)
    return value.detach().where(leaf_gradient.sum().isfinite(), torch.nan)


def _loss(rows: Tensor, batch: Batch, loss: Loss, task: int) -> Tensor:
    at = batch.triplets[task]
    value: Tensor = loss(rows, (at.heads, at.tails, at.negatives), batch.rows)
    return value


@torch.no_grad()
def batch_losses(stacked: Tensor, batch: Batch, losses: Sequence[Loss]) -> Tensor:
    """The loss of every task on the same batch ``[n_tasks]``, without gradients."""
    rows = stacked.detach().index_select(0, batch.rows)
    return torch.stack([_loss(rows, batch, loss, task) for task, loss in enumerate(losses)])


def through_encoder(stacked: Tensor, parameter: Tensor, rows: Tensor, gradient: Tensor) -> tuple[Tensor, Tensor]:
    """The combined gradient of the embeddings as one of the encoder's parameter.

    Args:
        stacked: What the encoder gave ``[n_table_rows, dim]``.
        parameter: The encoder's table, of the same shape.
        rows: Rows of ``stacked`` ``[n_rows]``.
        gradient: Of these rows ``[n_rows, dim]``.

    Returns:
        Rows of the parameter and their gradients: the same ones where the embeddings *are* the parameter (mf), all rows of
        the table where an encoder mixes them.
    """
    if stacked is parameter:
        return rows, gradient
    dense = torch.zeros_like(stacked).index_copy_(0, rows, gradient)
    (of_parameter,) = torch.autograd.grad(stacked, parameter, dense)
    return torch.arange(parameter.shape[0], device=parameter.device), of_parameter
