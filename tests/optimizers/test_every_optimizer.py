from typing import Any

import pytest
import torch

from pipeline import plugins

OPTIMIZERS = {name: plugins.load("optimizers", name) for name in plugins.names("optimizers")}
TORCH: dict[str, Any] = {
    "adam": torch.optim.SparseAdam,
    "adagrad": torch.optim.Adagrad,
    "sgd": torch.optim.SGD,
    "dense_adam": torch.optim.Adam,
}
LAZY = [name for name in OPTIMIZERS if name != "dense_adam"]


@pytest.mark.parametrize("name", TORCH)
def test_equals_torch_on_sparse_gradients(name: str) -> None:
    generator = torch.Generator().manual_seed(0)
    ours = torch.randn(20, 4, generator=generator, dtype=torch.float64)
    theirs = torch.nn.Parameter(ours.clone())
    optimizer, reference = OPTIMIZERS[name](ours, 0.1, 0.0), TORCH[name]([theirs], lr=0.1)
    for _ in range(10):
        rows = torch.randperm(20, generator=generator)[:6]
        gradients = torch.randn(6, 4, generator=generator, dtype=torch.float64)
        optimizer.step(rows, gradients)
        with torch.sparse.check_sparse_tensor_invariants(True):  # type: ignore[no-untyped-call]
            sparse = torch.sparse_coo_tensor(rows.unsqueeze(0), gradients, ours.shape)
            theirs.grad = sparse.to_dense() if name == "dense_adam" else sparse
            reference.step()
    torch.testing.assert_close(ours, theirs.detach(), rtol=0, atol=1e-12)


def test_rowwise_adagrad_by_hand() -> None:
    """G = (3, 4): v = 25/2; then g = (1, 1): v = 25/2 + 1."""
    table = torch.zeros(2, 2, dtype=torch.float64)
    optimizer = OPTIMIZERS["rowwise_adagrad"](table, 0.1, 0.0)
    row = torch.tensor([1])
    optimizer.step(row, torch.tensor([[3.0, 4.0]], dtype=torch.float64))
    optimizer.step(row, torch.tensor([[1.0, 1.0]], dtype=torch.float64))
    root, next_root = (25 / 2) ** 0.5, (25 / 2 + 1) ** 0.5
    by_hand = [[0.0, 0.0], [-0.1 * (3 / root + 1 / next_root), -0.1 * (4 / root + 1 / next_root)]]
    torch.testing.assert_close(table, torch.tensor(by_hand, dtype=torch.float64), rtol=0, atol=1e-9)


@pytest.mark.parametrize("name", LAZY)
def test_other_rows_stay_where_they_are(name: str) -> None:
    table = torch.ones(5, 2)
    optimizer = OPTIMIZERS[name](table, 0.1, 0.5)
    for _ in range(3):
        optimizer.step(torch.tensor([1, 3]), torch.ones(2, 2))
    assert torch.equal(table[[0, 2, 4]], torch.ones(3, 2))
    assert (table[[1, 3]] < 1).all()


def test_dense_adam_has_torchs_weight_decay_over_all_rows() -> None:
    generator = torch.Generator().manual_seed(0)
    ours = torch.randn(20, 4, generator=generator, dtype=torch.float64)
    theirs = torch.nn.Parameter(ours.clone())
    optimizer, reference = OPTIMIZERS["dense_adam"](ours, 0.1, 0.3), torch.optim.Adam([theirs], lr=0.1, weight_decay=0.3)
    for _ in range(10):
        rows = torch.randperm(20, generator=generator)[:6]
        gradients = torch.randn(6, 4, generator=generator, dtype=torch.float64)
        optimizer.step(rows, gradients)
        theirs.grad = torch.zeros_like(theirs).index_copy_(0, rows, gradients)
        reference.step()
    torch.testing.assert_close(ours, theirs.detach(), rtol=0, atol=1e-12)


@pytest.mark.parametrize("name", LAZY)
def test_weight_decay_shrinks_the_touched_rows_and_no_others(name: str) -> None:
    table = torch.ones(2, 2)
    OPTIMIZERS[name](table, 0.1, 0.5).step(torch.tensor([0]), torch.zeros(1, 2))
    torch.testing.assert_close(table, torch.tensor([[1 - 0.1 * 0.5] * 2, [1.0] * 2]))


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_a_zero_gradient_moves_nothing_at_first_and_gives_no_nan(name: str) -> None:
    table = torch.ones(2, 2)
    OPTIMIZERS[name](table, 0.1, 0.0).step(torch.tensor([0]), torch.zeros(1, 2))
    assert torch.equal(table, torch.ones(2, 2))
