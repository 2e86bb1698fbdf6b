"""Rules by TorchJD, each against TorchJD on the dense Jacobian, and our formulas for all rows at once against TorchJD per row.

pcgrad, gradvac, cagrad, mgda, imtl_g, nash_mtl, aligned_mtl, upgrad, graddrop, random_weights.
"""

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
import torchjd.aggregation as jd
from torch import Tensor

from pipeline.combiners._torchjd import seeded
from pipeline.combiners.base import RowGradients
from tests.combiners._rows import build, combine, random_rows, row_gradients, step

DENSE: dict[str, Callable[[], Any]] = {
    "pcgrad": jd.PCGrad,
    "gradvac": jd.GradVac,
    "cagrad": lambda: jd.CAGrad(0.4),
    "mgda": jd.MGDA,
    "imtl_g": jd.IMTLG,
    "nash_mtl": lambda: jd.NashMTL(3, max_norm=0.0),
    "aligned_mtl": jd.AlignedMTL,
    "upgrad": jd.UPGrad,
    "graddrop": jd.GradDrop,
    "random_weights": jd.Random,
}
ENTITY = ["pcgrad", "mgda", "imtl_g", "aligned_mtl"]


def dense(rule: str, jacobian: Tensor, seed: int = 0) -> Tensor:
    """What TorchJD gives for ``[n_tasks, n]``, drawing as our adapter does."""
    with seeded(torch.Generator().manual_seed(seed)), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        combined: Tensor = DENSE[rule]()(jacobian)
    return combined


def all_present(seed: int = 3) -> RowGradients:
    """Three tasks with conflicts, all on all rows; of length about 1, because some of TorchJD's tolerances are absolute."""
    generator = torch.Generator().manual_seed(seed)
    values = torch.randn(3, 7, 5, generator=generator, dtype=torch.float64) / 5
    return RowGradients(torch.arange(7), torch.tensor([0] * 4 + [1] * 3), values, torch.ones(3, 7, dtype=torch.bool))


@pytest.mark.parametrize("rule", DENSE)
def test_global_is_torchjd_on_the_dense_jacobian(rule: str) -> None:
    gradients = all_present()
    expected = dense(rule, gradients.values.flatten(1)).view(7, 5)
    found = combine(rule, gradients, step(seed=0)).values
    if rule == "nash_mtl":  # TorchJD divides its solution by a norm of the Gramian: equal but for one factor
        found = found * (expected.norm() / found.norm())
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("rule", ["mgda", "imtl_g", "aligned_mtl", "upgrad", "cagrad"])
def test_table_is_torchjd_on_each_table(rule: str) -> None:
    gradients = all_present()
    found = combine(rule, gradients, granularity="table").values
    for rows in (slice(0, 4), slice(4, 7)):
        expected = dense(rule, gradients.values[:, rows].flatten(1)).view(-1, 5)
        torch.testing.assert_close(found[rows], expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("rule", ENTITY)
def test_entity_is_torchjd_on_each_row_with_the_tasks_that_touched_it(rule: str) -> None:
    """Two tasks at the most on a row, where the order in which PCGrad visits tasks does not matter."""
    generator = torch.Generator().manual_seed(5)
    present = torch.tensor([[True] * 6, [True, True, False, False, True, False], [False, False, True, True, False, False]])
    values = torch.randn(3, 6, 5, generator=generator, dtype=torch.float64) * present.unsqueeze(2)
    gradients = RowGradients(torch.arange(6), torch.zeros(6, dtype=torch.int64), values, present)
    found = combine(rule, gradients, granularity="entity").values
    for row in range(6):
        expected = dense(rule, values[present[:, row], row])
        torch.testing.assert_close(found[row], expected, rtol=1e-3, atol=2e-3 if rule == "mgda" else 1e-6)


@pytest.mark.parametrize("rule", ["imtl_g", "aligned_mtl", "mgda"])
def test_entity_with_three_tasks_on_a_row(rule: str) -> None:
    gradients = all_present()
    found = combine(rule, gradients, granularity="entity").values
    for row in range(7):
        expected = dense(rule, gradients.values[:, row])
        if rule == "mgda":  # Frank-Wolfe stops early; the exact solution is at least as short
            assert found[row].norm() <= expected.norm() + 1e-9
            torch.testing.assert_close(found[row], expected, rtol=0, atol=0.05)
        else:
            torch.testing.assert_close(found[row], expected, rtol=1e-6, atol=1e-6)


def test_gradvac_per_entity_is_gradvac_on_each_row_over_several_steps() -> None:
    """Two tasks, so that there is one order; each row has its own running cosine, which starts at 0."""
    rule = build("gradvac", 2, granularity="entity")
    theirs = [jd.GradVac() for _ in range(7)]
    generator = torch.Generator().manual_seed(2)
    for _ in range(4):
        values = torch.randn(2, 7, 5, generator=generator, dtype=torch.float64)
        everywhere = torch.ones(2, 7, dtype=torch.bool)
        found = rule(RowGradients(torch.arange(7), torch.tensor([0] * 4 + [1] * 3), values, everywhere), step(n_tasks=2))
        for row in range(7):
            torch.testing.assert_close(found.values[row], theirs[row](values[:, row]), rtol=1e-4, atol=1e-5)


def test_pcgrad_by_hand() -> None:
    """G = (1, 0), h = (-1, 1): <g, h> = -1. g' = g + 1/2 h = (1/2, 1/2); h' = h + 1/1 g = (0, 1). Sum (1/2, 3/2)."""
    gradients = row_gradients([[[1.0, 0.0]], [[-1.0, 1.0]]])
    for granularity in ("global", "table", "entity"):
        combined = combine("pcgrad", gradients, granularity=granularity)
        torch.testing.assert_close(combined.values, torch.tensor([[1 / 2, 1 / 2 + 1]], dtype=torch.float64))


def test_pcgrad_per_entity_leaves_other_entities_alone() -> None:
    """The first row conflicts, the second does not; over both rows together there is no conflict at all."""
    gradients = row_gradients([[[1.0, 0.0], [3.0, 0.0]], [[-1.0, 1.0], [3.0, 0.0]]])
    whole = combine("pcgrad", gradients).values
    torch.testing.assert_close(whole, gradients.values.sum(0))
    found = combine("pcgrad", gradients, granularity="entity").values
    torch.testing.assert_close(found, torch.tensor([[1 / 2, 3 / 2], [6.0, 0.0]], dtype=torch.float64))


def test_mgda_by_hand() -> None:
    """G = (2, 0), h = (0, 1): the shortest mixture is at w = |h|^2 / (|g|^2 + |h|^2) = 1/5 of g, 4/5 of h."""
    gradients = row_gradients([[[2.0, 0.0]], [[0.0, 1.0]]])
    combined = combine("mgda", gradients, granularity="entity")
    torch.testing.assert_close(combined.values, torch.tensor([[2 / 5, 4 / 5]], dtype=torch.float64))


def test_imtl_g_by_hand() -> None:
    """Orthogonal gradients of length 2 and 1: v = (1/2, 1), w = (1/3, 2/3); both projections are 2/3."""
    gradients = row_gradients([[[2.0, 0.0]], [[0.0, 1.0]]])
    combined = combine("imtl_g", gradients, granularity="entity")
    torch.testing.assert_close(combined.values, torch.tensor([[2 / 3, 2 / 3]], dtype=torch.float64))


def test_aligned_mtl_by_hand() -> None:
    """Orthogonal gradients of length 2 and 1 are made as long as the shorter: half of (1/2 * 2, 1)."""
    gradients = row_gradients([[[2.0, 0.0]], [[0.0, 1.0]]])
    combined = combine("aligned_mtl", gradients, granularity="entity")
    torch.testing.assert_close(combined.values, torch.tensor([[1 / 2, 1 / 2]], dtype=torch.float64))


def test_upgrad_follows_its_preference() -> None:
    """Without a conflict the projection changes nothing: 0.8 g + 0.2 h."""
    gradients = row_gradients([[[1.0, 0.0]], [[0.0, 1.0]]])
    combined = combine("upgrad", gradients, main_preference=0.8)
    torch.testing.assert_close(combined.values, torch.tensor([[0.8, 0.2]], dtype=torch.float64), rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("granularity", ["global", "entity"])
def test_random_weights_are_positive_and_sum_to_one(granularity: str) -> None:
    weights = combine("random_weights", random_rows(), step(seed=1), granularity=granularity).weights
    assert weights is not None
    touched = weights.sum(0) if granularity == "entity" else weights.amax(1).sum(0, keepdim=True)
    torch.testing.assert_close(touched, torch.ones_like(touched))


def test_graddrop_keeps_one_sign_per_coordinate() -> None:
    gradients = row_gradients([[[1.0, -2.0, 3.0]], [[-1.0, -2.0, -3.0]]])
    kept = {tuple(combine("graddrop", gradients, step(seed=seed)).values[0].tolist()) for seed in range(40)}
    assert kept == {(a, -4.0, b) for a in (1.0, -1.0) for b in (3.0, -3.0)}


@pytest.mark.parametrize(
    ("rule", "options", "message"),
    [
        ("cagrad", {"c": -1.0}, "c must be >= 0, found -1.0"),
        ("gradvac", {"beta": 1.5}, "beta must be in [0, 1], found 1.5"),
        ("upgrad", {"main_preference": 1.0}, "main_preference must be in (0, 1), found 1.0"),
        ("nash_mtl", {"update_every": 0}, "update_every must be >= 1, found 0"),
        ("graddrop", {"leak": 2.0}, "leak must be in [0, 1], found 2.0"),
        ("uncertainty", {"lr": 0.0}, "lr must be > 0, found 0.0"),
        ("dwa", {"temperature": 0.0}, "temperature must be > 0, found 0.0"),
        ("famo", {"lr": 0.0}, "lr must be > 0, found 0.0"),
        ("stch", {"mu": 0.0}, "mu must be > 0, found 0.0"),
    ],
)
def test_options_out_of_range_are_refused(rule: str, options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError) as refused:  # noqa: PT011  # the whole message is compared
        build(rule, **options)
    assert str(refused.value) == message


def test_graddrop_that_leaks_everything_is_the_sum() -> None:
    gradients = random_rows()
    torch.testing.assert_close(combine("graddrop", gradients, leak=1.0).values, gradients.values.sum(0))


def test_cagrad_without_a_ball_is_the_mean() -> None:
    gradients = all_present()
    torch.testing.assert_close(combine("cagrad", gradients, c=0.0).values, gradients.values.mean(0), rtol=1e-6, atol=1e-8)


def test_gradvac_with_beta_zero_keeps_its_target_of_zero_and_is_pcgrad_on_two_tasks() -> None:
    """A target of 0 asks for what PCGrad asks for: no negative cosine."""
    gradients = row_gradients([[[1.0, 0.0]], [[-1.0, 1.0]]])
    for granularity in ("global", "entity"):
        found = combine("gradvac", gradients, beta=0.0, granularity=granularity).values
        torch.testing.assert_close(found, combine("pcgrad", gradients).values, rtol=1e-6, atol=1e-6)


def test_nash_mtl_keeps_its_weights_between_updates() -> None:
    lazy, eager = (build("nash_mtl", update_every=n) for n in (2, 1))
    first = [rule(all_present(1), step()).weights for rule in (lazy, eager)]
    torch.testing.assert_close(first[0], first[1])
    second = [rule(all_present(2), step()).weights for rule in (lazy, eager)]
    torch.testing.assert_close(second[0], first[0])
    assert not torch.allclose(second[1], first[1])


def test_gradvac_per_entity_is_the_paper_row_by_row() -> None:
    """Algorithm 1 of Wang et al. (ICLR 2021): a gradient is moved until its cosine with each other one is the running mean."""
    beta, made = 0.3, build("gradvac", granularity="entity", beta=0.3)
    targets = np.zeros((7, 3, 3))
    for number in range(4):
        gradients, order = random_rows(number, everywhere=True), torch.Generator().manual_seed(number)
        orders = [torch.randperm(3, generator=order).tolist() for _ in range(3)]
        expected = np.zeros((7, 5))
        for row in range(7):
            plain = gradients.values[:, row].numpy()
            for i in range(3):
                moved = plain[i].copy()
                for j in (of for of in orders[i] if of != i):
                    of_moved, of_other, target = np.linalg.norm(moved), np.linalg.norm(plain[j]), targets[row, i, j]
                    cosine = moved @ plain[j] / (of_moved * of_other)
                    if cosine < target:
                        pull = target * np.sqrt(1 - cosine**2) - cosine * np.sqrt(1 - target**2)
                        moved = moved + of_moved * pull / (of_other * np.sqrt(1 - target**2)) * plain[j]
                    targets[row, i, j] = (1 - beta) * target + beta * cosine
                expected[row] += moved
        found = made(gradients, step(seed=number)).values
        np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)
