import pytest
import torch
from torch import Tensor

from pipeline.losses.bpr import BPR
from pipeline.row_gradients import row_gradients
from pipeline.sampling import Triplets


def batch(heads: list[int], tails: list[int], negatives: list[int]) -> Triplets:
    return Triplets(torch.tensor(heads), torch.tensor(tails), torch.tensor(negatives))


def dense(table: Tensor, triplets: Triplets) -> Tensor:
    """The gradient of one task's loss with respect to the whole table."""
    leaf = table.clone().requires_grad_()
    loss = BPR()(leaf[triplets.heads], leaf[triplets.tails], leaf[triplets.negatives])
    (gradient,) = torch.autograd.grad(loss, leaf)
    return gradient


TASKS = [
    batch([0, 0, 1, 2], [5, 6, 5, 7], [7, 5, 9, 5]),  # repeated heads, tails and negatives
    batch([5, 6], [10, 11], [11, 10]),
    batch([0, 3, 3], [3, 0, 1], [2, 1, 1]),  # heads and tails of one table
]


@pytest.mark.parametrize("n_tasks", [1, 2, 3])
def test_equals_dense_autograd(n_tasks: int) -> None:
    table = torch.randn(13, 8, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    gradients, losses = row_gradients(table, TASKS[:n_tasks], BPR())
    for task, triplets in enumerate(TASKS[:n_tasks]):
        expected = dense(table, triplets)
        found = torch.zeros_like(table).index_copy_(0, gradients.rows, gradients.values[task])
        torch.testing.assert_close(found, expected, rtol=0, atol=1e-12)
        loss = BPR()(table[triplets.heads], table[triplets.tails], table[triplets.negatives])
        torch.testing.assert_close(losses[task], loss)


def test_rows_are_the_touched_ones_once_and_present_says_by_whom() -> None:
    gradients, _ = row_gradients(torch.ones(13, 2), TASKS, BPR())
    touched = [set(torch.cat([t.heads, t.tails, t.negatives]).tolist()) for t in TASKS]
    assert gradients.rows.tolist() == sorted(set.union(*touched))
    for task, rows in enumerate(touched):
        assert set(gradients.rows[gradients.present[task]].tolist()) == rows


def test_nothing_has_the_size_of_the_table() -> None:
    """A table of 2**40 rows fits no memory; a view of one row repeated does, as long as only rows are read."""
    table = torch.ones(1, 4).expand(2**40, 4)
    gradients, _ = row_gradients(table, [batch([2**39], [2**38], [3])], BPR())
    assert gradients.values.shape == (1, 3, 4)


def test_leaves_the_table_alone() -> None:
    table = torch.randn(13, 4, generator=torch.Generator().manual_seed(1)).requires_grad_()
    before = table.detach().clone()
    row_gradients(table, TASKS, BPR())
    assert torch.equal(table, before)
    assert table.grad is None
