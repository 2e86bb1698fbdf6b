import pytest
import torch

from pipeline.optimizers import OPTIMIZERS

TORCH = {"adam": torch.optim.SparseAdam, "adagrad": torch.optim.Adagrad, "sgd": torch.optim.SGD}


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_equals_torch_on_sparse_gradients(name: str) -> None:
    generator = torch.Generator().manual_seed(0)
    ours = torch.randn(20, 4, generator=generator, dtype=torch.float64)
    theirs = torch.nn.Parameter(ours.clone())
    optimizer, reference = OPTIMIZERS[name](ours, lr=0.1), TORCH[name]([theirs], lr=0.1)
    for _ in range(10):
        rows = torch.randperm(20, generator=generator)[:6]
        gradients = torch.randn(6, 4, generator=generator, dtype=torch.float64)
        optimizer.step(rows, gradients)
        with torch.sparse.check_sparse_tensor_invariants(True):  # type: ignore[no-untyped-call]
            theirs.grad = torch.sparse_coo_tensor(rows.unsqueeze(0), gradients, ours.shape)
            reference.step()
    torch.testing.assert_close(ours, theirs.detach(), rtol=0, atol=1e-12)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_other_rows_stay_where_they_are(name: str) -> None:
    table = torch.ones(5, 2)
    optimizer = OPTIMIZERS[name](table, lr=0.1)
    for _ in range(3):
        optimizer.step(torch.tensor([1, 3]), torch.ones(2, 2))
    assert torch.equal(table[[0, 2, 4]], torch.ones(3, 2))
    assert (table[[1, 3]] < 1).all()


def test_a_zero_gradient_moves_nothing_at_first_and_gives_no_nan() -> None:
    for optimizer in OPTIMIZERS.values():
        table = torch.ones(2, 2)
        optimizer(table, lr=0.1).step(torch.tensor([0]), torch.zeros(1, 2))
        assert torch.equal(table, torch.ones(2, 2))
