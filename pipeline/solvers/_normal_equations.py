"""Residuals and solutions of the rows of a node type: in compiled loops on a CPU, in batches of matrices elsewhere."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import torch
from torch import Tensor

from pipeline.kernels.compiling import is_compiled_for
from pipeline.kernels.least_squares import add_residuals, solve_rows

__all__ = ["Side", "residuals", "scores", "solutions"]

_FLOATS_AT_A_TIME = 2**24  # of gathered embeddings, or of matrices
_ROWS_A_THREAD = 64


@dataclass(frozen=True, eq=False)
class Side:
    """A relation as one of its two node types sees it.

    Attributes:
        task: Its number.
        other: The node type at the other end.
        others: Stacked rows at the other end, sorted by the node at this end, int64 ``[n_pairs]``.
        offsets: Those of node e are ``others[offsets[e]:offsets[e + 1]]``, int64 ``[n_nodes + 1]``.
        ridge: L2 penalty of every node ``[n_nodes]``.
    """

    task: int
    other: str
    others: Tensor
    offsets: Tensor
    ridge: Tensor


def residuals(own: Tensor, table: Tensor, side: Side, total: Tensor, threads: int = 1) -> None:
    """Add the sum over the pairs of e of (x[e] y - 1) y to ``total[e]``.

    Args:
        own: The node type's embeddings ``[n_nodes, dim]``.
        table: All embeddings.
        side: The pairs.
        total: Output ``[n_nodes, dim]``.
        threads: On a CPU.
    """
    if is_compiled_for(total) and is_compiled_for(table):
        arrays = [tensor.numpy() for tensor in (own, table, side.others, side.offsets, total)]
        _in_parts(lambda first, last: add_residuals(first, last, *arrays), len(own), threads)
        return
    for rows, others in _pairs(side, own.shape[1]):
        there = table[others]
        off = (own[rows] * there).sum(dim=1, keepdim=True) - 1
        total.index_add_(0, rows, off * there)


def scores(own: Tensor, table: Tensor, side: Side) -> Tensor:
    """Inner products of all pairs ``[n_pairs]``, float64 on the CPU."""
    parts = [(own[rows] * table[others]).sum(dim=1) for rows, others in _pairs(side, own.shape[1])]
    return torch.cat(parts).cpu().double() if parts else torch.zeros(0, dtype=torch.float64)


def solutions(
    table: Tensor,
    sides: Sequence[Side],
    weights: Tensor,
    grams: Tensor,
    ridge: Tensor,
    right: Tensor,
    threads: int = 1,
) -> Tensor:
    """Solutions of the weighted normal equations (see ``pipeline.kernels.least_squares.solve_rows``).

    Args:
        table: All embeddings ``[n, dim]``.
        sides: Relations of the node type.
        weights: ``[n_sides, n_nodes]``.
        grams: ``[n_sides, dim, dim]``.
        ridge: ``[n_nodes]``.
        right: What is added to the right-hand sides ``[n_nodes, dim]``.
        threads: On a CPU; they change nothing in the result, because each row is solved by one.

    Returns:
        ``[n_nodes, dim]``; not finite where a system is singular.
    """
    n_nodes = ridge.numel()
    if is_compiled_for(table):
        before = [0, *torch.tensor([side.others.numel() for side in sides]).cumsum(0).tolist()]
        offsets = torch.stack([side.offsets + start for side, start in zip(sides, before, strict=False)])
        others = torch.cat([side.others for side in sides])
        solved = right.clone()
        arrays = [tensor.numpy() for tensor in (table, others, offsets, weights, grams, ridge, solved)]
        _in_parts(lambda first, last: solve_rows(first, last, *arrays), n_nodes, threads)
        return solved
    return _batched(table, sides, weights, grams, ridge, right)


def _batched(table: Tensor, sides: Sequence[Side], weights: Tensor, grams: Tensor, ridge: Tensor, right: Tensor) -> Tensor:
    """The same in batches of rows with about as many pairs, padded with rows of zeros."""
    n_nodes, dim = ridge.numel(), table.shape[1]
    padded = torch.cat([table, table.new_zeros(1, dim)])
    solved = table.new_empty(n_nodes, dim)
    degrees = torch.stack([side.offsets.diff() for side in sides])
    order = torch.argsort(degrees.sum(dim=0), stable=True)
    for rows in torch.split(order, max(_FLOATS_AT_A_TIME // (dim * dim), 1)):
        matrix = torch.einsum("tn,tde->nde", weights[:, rows], grams)
        matrix.diagonal(dim1=1, dim2=2).add_(ridge[rows].unsqueeze(1))
        total = right[rows]
        for side, weight, degree in zip(sides, weights[:, rows], degrees[:, rows], strict=True):
            for start in range(0, int(degree.max()), dim):  # a few users have thousands of pairs
                place = torch.arange(start, min(start + dim, int(degree.max())), device=rows.device)
                at = (side.offsets[rows].unsqueeze(1) + place).clamp(max=side.others.numel() - 1)
                others = torch.where(place < degree.unsqueeze(1), side.others[at], table.shape[0])
                linked = padded[others] * weight.sqrt()[:, None, None]
                matrix.baddbmm_(linked.transpose(1, 2), linked)
                total += linked.sum(dim=1) * weight.sqrt().unsqueeze(1)
        factor, _ = torch.linalg.cholesky_ex(matrix)
        solved[rows] = torch.cholesky_solve(total.unsqueeze(2), factor).squeeze(2)
    return solved


def _pairs(side: Side, dim: int) -> Iterator[tuple[Tensor, Tensor]]:
    """(node, stacked row at the other end) of the pairs, some at a time."""
    rows = torch.repeat_interleave(torch.arange(side.offsets.numel() - 1, device=side.others.device), side.offsets.diff())
    at_a_time = max(_FLOATS_AT_A_TIME // dim, 1)
    yield from zip(torch.split(rows, at_a_time), torch.split(side.others, at_a_time), strict=True)


def _in_parts(work: Callable[[int, int], None], n: int, threads: int) -> None:
    """Call ``work(first, last)`` for parts of 0..n, on some threads."""
    if threads == 1 or n <= _ROWS_A_THREAD:
        work(0, n)
        return
    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(lambda first: work(first, min(first + _ROWS_A_THREAD, n)), range(0, n, _ROWS_A_THREAD)))
