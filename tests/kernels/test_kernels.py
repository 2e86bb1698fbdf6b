"""Every compiled loop against the plain PyTorch or NumPy that it stands for."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch.nn import functional

from pipeline.combiners.base import weighted_sum
from pipeline.data.examples import HEADS, NEGATIVES, TAILS
from pipeline.data.relation import ITEM, USER, NodeTypes
from pipeline.kernels import compiling
from pipeline.kernels.best_unseen import best_unseen
from pipeline.kernels.bpr import bpr
from pipeline.kernels.rows import gather
from pipeline.kernels.ties import tie_key
from pipeline.optimizers.adam import Adam
from pipeline.tasks._triplets import TripletSampler
from pipeline.tasks.base import Draw
from pipeline.training.batches import batches
from tests.combiners._rows import combine, random_rows, step
from tests.sources import ROOT
from tests.toy import relation, tasks_of, triplets


def reference(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(compiling, "numba", None)


def test_numba_is_in_use_here() -> None:
    """Else the comparisons below compare the reference with itself."""
    assert compiling.is_compiled_for(torch.ones(2))
    assert not compiling.is_compiled_for(torch.ones(2, 3).T)


def test_negatives_are_the_same_bits() -> None:
    generator = np.random.default_rng(0)
    pairs = list(zip(generator.integers(0, 20, 150).tolist(), generator.integers(0, 12, 150).tolist(), strict=True))
    links = relation("many", USER, ITEM, pairs, 21, 12)
    sampler = TripletSampler(tasks_of([links])[0], NodeTypes.of([links]), seed=0)
    found = sampler.epoch(Draw(1, 500))
    with pytest.MonkeyPatch.context() as patch:
        reference(patch)
        expected = sampler.epoch(Draw(1, 500))
    assert torch.equal(found[NEGATIVES], expected[NEGATIVES])


def test_steps_are_the_same_bits() -> None:
    generator = torch.Generator().manual_seed(0)
    steps = [
        [triplets(*(torch.randint(0, 50, (n,), generator=generator) for n in sizes)) for sizes in ((20, 20, 20), (20, 20, 3))]
        for _ in range(3)
    ]
    found = list(batches(iter(steps), 50))
    with pytest.MonkeyPatch.context() as patch:
        reference(patch)
        expected = list(batches(iter(steps), 50))
    for ours, theirs in zip(found, expected, strict=True):
        assert torch.equal(ours.rows, theirs.rows)
        assert torch.equal(ours.present, theirs.present)
        for a, b in zip(ours.examples, theirs.examples, strict=True):
            assert all(torch.equal(a[column], b[column]) for column in (HEADS, TAILS, NEGATIVES))


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float64, 1e-12), (torch.float32, 1e-5)])
def test_adam_is_the_reference(dtype: torch.dtype, tolerance: float) -> None:
    generator = torch.Generator().manual_seed(0)
    ours = torch.randn(20, 7, generator=generator, dtype=dtype)
    theirs = ours.clone()
    compiled, plain = (Adam(table, lr=0.1, weight_decay=0.3) for table in (ours, theirs))
    for _ in range(10):
        rows = torch.randperm(20, generator=generator)[:15]
        gradients = torch.randn(15, 7, generator=generator, dtype=dtype)
        compiled.step(rows, gradients)
        with pytest.MonkeyPatch.context() as patch:
            reference(patch)
            plain.step(rows, gradients)
    torch.testing.assert_close(ours, theirs, rtol=0, atol=tolerance)


@pytest.mark.parametrize("n_items", [3, 64, 65, 300])
@pytest.mark.parametrize("k", [1, 5, 20])
def test_top_k_sorts_by_score_popularity_and_hash(n_items: int, k: int) -> None:
    """With many ties, masked items, and rows in which all is masked."""
    scores = torch.randint(-4, 5, (30, n_items), generator=torch.Generator().manual_seed(n_items)).float()
    scores[scores == 0] = -torch.inf
    scores[3] = -torch.inf
    items, best = torch.full((30, k), -1), torch.full((30, k), -torch.inf)
    users, offsets, seen = torch.arange(30), torch.zeros(31, dtype=torch.int64), torch.tensor([2])
    offsets[6:] = 1  # user 5 has seen item 2
    popularity = np.arange(n_items) % 3
    best_unseen(scores.numpy(), users.numpy(), offsets.numpy(), seen.numpy(), popularity, items.numpy(), best.numpy())
    assert scores[5, 2] == -torch.inf
    for row in range(30):
        keys = tie_key(np.array([row]), np.arange(n_items).astype(np.uint64))
        order = np.lexsort((keys, -popularity, -scores[row].numpy()))
        n = min(k, int((scores[row] > -torch.inf).sum()))
        assert items[row].tolist() == order[:n].tolist() + [-1] * (k - n)
        assert best[row].tolist() == scores[row, order[:n]].tolist() + [-torch.inf] * (k - n)


# Sums run in another order, which in float32 is seen in the last digits.
PRECISION = [(torch.float64, 1e-12), (torch.float32, 1e-5)]


@pytest.mark.parametrize(("dtype", "tolerance"), PRECISION)
def test_weighted_sums_are_the_reference(dtype: torch.dtype, tolerance: float) -> None:
    gradients = random_rows(dtype=dtype)
    weights = torch.rand(3, 7, generator=torch.Generator().manual_seed(1), dtype=dtype) * gradients.present
    total = weighted_sum(gradients, weights).values
    with pytest.MonkeyPatch.context() as patch:
        reference(patch)
        torch.testing.assert_close(total, weighted_sum(gradients, weights).values, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("form", ["inverse", "softmax", "proportional", "uniform"])
@pytest.mark.parametrize("focus", ["convex", "logit", "none"])
@pytest.mark.parametrize(
    "options", [{}, {"scale": "none"}, {"without_main": "keep"}, {"length": "mean"}, {"temperature": 0.01}], ids=str
)
@pytest.mark.parametrize("progress", [0.0, 0.3, 1.0])
@pytest.mark.parametrize(("dtype", "tolerance"), PRECISION)
def test_pmtrec_in_one_pass_is_the_reference(
    form: str, focus: str, options: dict[str, Any], progress: float, dtype: torch.dtype, tolerance: float
) -> None:
    """Also where gradients are zero, all of a row or one task's."""
    gradients = random_rows(dtype=dtype)
    gradients.values[:, 1] = 0
    gradients.values[1, 2] = 0
    options = {"weights": form, "focus": focus} | options
    found = combine("pmtrec_inverse", gradients, step(progress), **options)
    with pytest.MonkeyPatch.context() as patch:
        reference(patch)
        expected = combine("pmtrec_inverse", gradients, step(progress), **options)
    torch.testing.assert_close(found.values, expected.values, rtol=tolerance, atol=tolerance)
    torch.testing.assert_close(found.weights, expected.weights, rtol=tolerance, atol=tolerance)


_SOLVES = """
import hashlib
import numpy as np
from pipeline.kernels.least_squares import solve_rows
draw = np.random.default_rng(0)
table, others = draw.normal(size=(300, 70)).astype("float32"), draw.integers(0, 300, 1800)
offsets, weights = np.arange(201)[None] * 9, draw.random((1, 200)).astype("float32")
solved, ridge = np.zeros((200, 70), "float32"), np.full(200, 0.5, "float32")
solve_rows(0, 200, table, others, offsets, weights, (0.1 * table.T @ table)[None], ridge, solved)
print(hashlib.sha256(solved.tobytes()).hexdigest())
"""


def test_a_process_that_compiles_and_one_that_finds_the_cache_give_the_same_bits(tmp_path: Path) -> None:
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path), "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", _SOLVES]
    first, again = (subprocess.run(command, env=environment, check=True, capture_output=True, text=True) for _ in range(2))
    assert any(tmp_path.rglob("*.nbc"))
    assert first.stdout == again.stdout


@pytest.mark.parametrize(("dtype", "tolerance"), PRECISION)
def test_bpr_of_a_long_batch_is_autograd(dtype: torch.dtype, tolerance: float) -> None:
    """Longer than what is fetched ahead; rows come several times."""
    generator = torch.Generator().manual_seed(0)
    rows = torch.randn(12, 5, generator=generator, dtype=dtype)
    heads, tails, negatives = torch.randint(0, 12, (3, 40), generator=generator)
    gradient = torch.zeros_like(rows)
    found = bpr(rows.numpy(), heads.numpy(), tails.numpy(), negatives.numpy(), 1 / 40, gradient.numpy())
    leaf = rows.clone().requires_grad_()
    expected = -functional.logsigmoid((leaf[heads] * (leaf[tails] - leaf[negatives])).sum(dim=1)).mean()
    expected.backward()  # type: ignore[no-untyped-call]
    assert found == pytest.approx(expected.item(), rel=tolerance)
    torch.testing.assert_close(gradient, leaf.grad, rtol=tolerance, atol=tolerance)


def test_bpr_of_a_margin_that_is_not_finite_is_nan() -> None:
    rows = np.array([[1.0], [np.inf], [0.0]])
    assert np.isnan(bpr(rows, np.array([0]), np.array([1]), np.array([2]), 1.0, np.zeros_like(rows)))


def test_rows_are_gathered() -> None:
    table, rows = np.arange(60.0).reshape(20, 3), np.arange(20)[::-1].copy()
    gather(table, rows, out := np.zeros_like(table))
    assert (out == table[rows]).all()
