from collections.abc import Sequence

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from pipeline.combiners.base import RowGradients
from pipeline.data.examples import HEADS, NEGATIVES, TAILS, Examples
from pipeline.kernels import compiling
from pipeline.losses.base import Loss
from pipeline.losses.bpr import BPR
from pipeline.losses.directau import DirectAU
from pipeline.losses.sampled_softmax import SampledSoftmax
from pipeline.tasks.base import Draw, Sampler
from pipeline.training.batches import Batch, batches
from pipeline.training.row_gradients import batch_losses, row_gradients
from pipeline.training.task import Task, steps
from tests.losses._batch import NODES, TASK
from tests.toy import triplets

N_ROWS = 13
TABLES = torch.tensor([0, 5, 10])


TASKS = [
    triplets([0, 0, 1, 2], [5, 6, 5, 7], [7, 5, 9, 5]),  # repeated heads, tails and negatives
    triplets([5, 6, 5, 5], [10, 11, 10, 12], [11, 10, 10, 10]),  # a negative that is the tail
    triplets([0, 3, 3, 4], [3, 0, 1, 4], [2, 1, 1, 0]),  # heads and tails of one table, a head that is its own tail
]


def one_batch(tasks: list[Examples]) -> Batch:
    (batch,) = batches(iter([tasks]), N_ROWS)
    return batch


def random_table(seed: int = 1, dim: int = 8, scale: float = 1.0) -> Tensor:
    return scale * torch.randn(N_ROWS, dim, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def on_table(loss: Loss, table: Tensor, at: Examples) -> Tensor:
    """The loss of one task on the whole table."""
    value: Tensor = loss(table, at, torch.arange(len(table)))
    return value


def dense(table: Tensor, at: Examples, loss: Loss) -> tuple[Tensor, Tensor]:
    """The loss of one task, and its gradient with respect to the whole table."""
    leaf = table.clone().requires_grad_()
    value = on_table(loss, leaf, at)
    (gradient,) = torch.autograd.grad(value, leaf)
    return value.detach(), gradient


def losses_of(n_tasks: int, dim: int = 8, *, relation_vector: bool = False) -> list[BPR]:
    return [BPR(TASK, NODES, dim, n == 0, relation_vector=relation_vector).double() for n in range(n_tasks)]


def on_rows(table: Tensor, tables: Tensor, batch: Batch, losses: Sequence[Loss]) -> tuple[RowGradients, Tensor]:
    """``row_gradients`` of the rows of a table that the batch touches."""
    return row_gradients(table[batch.rows], tables, batch, losses)


@pytest.fixture(params=["closed form", "autograd"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Both ways to a gradient."""
    if request.param == "autograd":
        monkeypatch.setattr(compiling, "numba", None)
    return str(request.param)


@pytest.mark.usefixtures("way")
@pytest.mark.parametrize("n_tasks", [1, 2, 3])
def test_equals_dense_autograd(n_tasks: int) -> None:
    table = random_table()
    losses = losses_of(n_tasks)
    gradients, found = on_rows(table, TABLES, one_batch(TASKS[:n_tasks]), losses)
    for task, at in enumerate(TASKS[:n_tasks]):
        value, expected = dense(table, at, losses[task])
        whole = torch.zeros_like(table).index_copy_(0, gradients.rows, gradients.values[task])
        torch.testing.assert_close(whole, expected, rtol=0, atol=1e-12)
        torch.testing.assert_close(found[task], value)


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_equals_dense_autograd_whatever_the_triplets(data: st.DataObject) -> None:
    """Any number of tasks, any repetition, tables of any width, scores from nearly 0 to very large; to 1e-10."""
    n_tasks, batch = data.draw(st.integers(1, 4)), data.draw(st.integers(1, 9))
    dim, scale = data.draw(st.integers(1, 9)), data.draw(st.sampled_from([1e-4, 1.0, 30.0]))
    row = st.lists(st.integers(0, N_ROWS - 1), min_size=batch, max_size=batch)
    tasks = [triplets(data.draw(row), data.draw(row), data.draw(row)) for _ in range(n_tasks)]
    table = random_table(data.draw(st.integers(0, 99)), dim, scale)
    losses = losses_of(n_tasks, dim)
    gradients, found = on_rows(table, TABLES, one_batch(tasks), losses)
    touched = [set(torch.cat(list(t.rows.values())).tolist()) for t in tasks]
    assert gradients.rows.tolist() == sorted(set.union(*touched))
    for task, at in enumerate(tasks):
        value, expected = dense(table, at, losses[task])
        whole = torch.zeros_like(table).index_copy_(0, gradients.rows, gradients.values[task])
        torch.testing.assert_close(whole, expected, rtol=1e-10, atol=1e-10)
        torch.testing.assert_close(found[task], value, rtol=1e-10, atol=1e-10)
        assert set(gradients.rows[gradients.present[task]].tolist()) == touched[task]


def test_tables_say_where_a_row_is() -> None:
    gradients, _ = on_rows(random_table(), TABLES, one_batch(TASKS), losses_of(3))
    assert gradients.tables.tolist() == [0 if row < 5 else 1 if row < 10 else 2 for row in gradients.rows.tolist()]


def test_nothing_has_the_size_of_the_table() -> None:
    """A table of 2**40 rows fits no memory; a view of one row repeated does, as long as only rows are read."""
    table = torch.ones(1, 4).expand(2**40, 4)
    at = triplets([1], [0], [2])
    batch = Batch(torch.tensor([3, 2**38, 2**39]), [at], torch.ones(1, 3, dtype=torch.bool))
    gradients, _ = on_rows(table, torch.tensor([0, 2**39]), batch, [BPR(TASK, NODES, 4, True)])
    assert gradients.values.shape == (1, 3, 4)


def test_leaves_the_table_alone() -> None:
    table = random_table().requires_grad_()
    before = table.detach().clone()
    on_rows(table, TABLES, one_batch(TASKS), losses_of(3))
    assert torch.equal(table, before)
    assert table.grad is None


def test_a_task_has_parameters_of_its_own_with_a_gradient_of_its_own() -> None:
    """Two side tasks with a relation vector; each vector's gradient is that of its own loss. The main task has none."""
    table, losses = random_table(), losses_of(3, relation_vector=True)
    batch = one_batch(TASKS)
    assert [len(list(loss.parameters())) for loss in losses] == [0, 1, 1]
    gradients, _ = on_rows(table, TABLES, batch, losses)
    for task in (1, 2):
        loss, at = losses[task], TASKS[task]
        _, expected = dense(table, at, loss)
        whole = torch.zeros_like(table).index_copy_(0, gradients.rows, gradients.values[task])
        torch.testing.assert_close(whole, expected, rtol=0, atol=1e-12)
        (parameter,) = loss.parameters()
        (own,) = torch.autograd.grad(on_table(loss, table, at), parameter)
        torch.testing.assert_close(parameter.grad, own)


@pytest.mark.usefixtures("way")
def test_a_gradient_that_is_not_finite_makes_the_loss_of_its_task_nan() -> None:
    table = random_table()
    table[11] = torch.nan  # touched by task 1 alone
    _, found = on_rows(table, TABLES, one_batch(TASKS), losses_of(3))
    assert found.isfinite().tolist() == [True, False, True]


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("size", [torch.inf, -torch.inf, None])
def test_scores_beyond_all_numbers_make_the_loss_nan(dtype: torch.dtype, size: float | None) -> None:
    """A margin of +infinity would have the loss 0 and hide that the embeddings have left all bounds."""
    table = random_table().to(dtype)
    table[0] = torch.finfo(dtype).max if size is None else size
    table[1] = torch.finfo(dtype).max if size is None else size
    batch = one_batch([triplets([0], [1], [2])])
    _, found = on_rows(table, TABLES, batch, losses_of(1))
    assert found.isnan().all()


def test_losses_on_the_same_batch() -> None:
    table, losses, batch = random_table(), losses_of(3), one_batch(TASKS)
    _, found = on_rows(table, TABLES, batch, losses)
    torch.testing.assert_close(batch_losses(table[batch.rows], batch, losses), found)


class Limited(BPR):
    """Uses so many drawn tails of a batch."""

    def __init__(self, limit: int) -> None:
        super().__init__(TASK, NODES, 2, True)
        self.limit = limit

    def at_most(self) -> dict[str, int]:
        return {NEGATIVES: self.limit}


class Drawn(Sampler):
    """What was drawn already."""

    columns = (HEADS, TAILS, NEGATIVES)

    def __init__(self, examples: Examples) -> None:
        super().__init__(TASK, NODES, 0)
        self.examples = examples

    def epoch(self, draw: Draw) -> Examples:
        return self.examples


def test_a_row_that_was_drawn_for_nothing_is_not_touched() -> None:
    """The first task uses one drawn tail of four, the second does not need drawn tails, the third uses all."""
    losses = [Limited(1), DirectAU(TASK, NODES, 2, True), BPR(TASK, NODES, 2, True)]
    tasks = [Task("t", Drawn(at), loss) for at, loss in zip(TASKS, losses, strict=True)]
    samples = [task.sample(Draw(1, 4)) for task in tasks]
    (batch,) = batches(steps(tasks, samples, 4, 4), N_ROWS)
    touched = [set(batch.rows[present].tolist()) for present in batch.present]
    assert touched == [{0, 1, 2, 5, 6, 7}, {5, 6, 10, 11, 12}, {0, 1, 2, 3, 4}]
    assert [len(at.rows.get(NEGATIVES, [])) for at in batch.examples] == [1, 0, 4]
    assert batch.rows[batch.examples[1][TAILS]].tolist() == TASKS[1][TAILS].tolist()


def test_a_loss_reads_no_more_drawn_tails_than_it_says() -> None:
    """Other rows at the positions beyond change nothing."""
    loss = SampledSoftmax(TASK, NODES, 2, True, n_negatives=5)
    table = random_table(dim=2)
    at = triplets([0, 1, 2, 3, 4, 0, 1, 2], [5, 6, 7, 8, 9, 6, 7, 8], [7, 8, 9, 5, 6, 9, 5, 6])
    others = triplets(at[HEADS], at[TAILS], at[NEGATIVES].clone())
    most = loss.at_most()[NEGATIVES]
    others[NEGATIVES][most:] = 12
    assert on_table(loss, table, at) == on_table(loss, table, others)
    others[NEGATIVES][most - 1] = 12
    assert on_table(loss, table, at) != on_table(loss, table, others)
