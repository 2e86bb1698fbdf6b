"""Rules that look at the losses: uncertainty, dwa, famo, stch."""

from math import exp

import pytest
import torch

from tests.combiners._rows import build, combine, row_gradients, step

GRADIENTS = row_gradients([[[1.0]], [[1.0]]])


def weights(rule: str, losses: list[float], **options: float) -> list[float]:
    found = combine(rule, GRADIENTS, step(losses=losses), **options).weights
    assert found is not None
    return [float(value) for value in found[:, 0]]


def test_uncertainty_lowers_the_weight_of_the_larger_loss() -> None:
    """W = exp(-s) / 2 starts at 1/2. The slope of s is (1 - exp(-s) L) / 2: for L = 3 s rises, for L = 1/2 it falls.

    Adam's first step has the length lr: s = (lr, -lr).
    """
    rule = build("uncertainty", 2, lr=0.1)
    assert rule(GRADIENTS, step(losses=[3.0, 0.5])).weights[:, 0].tolist() == [1 / 2, 1 / 2]
    second = rule(GRADIENTS, step(losses=[3.0, 0.5])).weights[:, 0].tolist()
    assert second == pytest.approx([exp(-0.1) / 2, exp(0.1) / 2], rel=1e-6)


def test_dwa_weighs_by_how_slowly_the_losses_of_two_epochs_fell() -> None:
    """Means 4 -> 2 and 4 -> 4 (two batches an epoch): ratios 1/2 and 1. w = 2 softmax(ratios / 2)."""
    rule = build("dwa", 2)
    for epoch, losses in ((1, [3.0, 3.0]), (1, [5.0, 5.0]), (2, [1.0, 4.0]), (2, [3.0, 4.0])):
        assert rule(GRADIENTS, step(losses=losses, epoch=epoch)).weights[:, 0].tolist() == [1.0, 1.0]
    third = rule(GRADIENTS, step(losses=[1.0, 1.0], epoch=3)).weights[:, 0].tolist()
    z = exp(1 / 4) + exp(1 / 2)
    assert third == pytest.approx([2 * exp(1 / 4) / z, 2 * exp(1 / 2) / z])


def test_famo_starts_with_weights_inverse_to_the_losses_and_moves_to_the_one_that_fell_less() -> None:
    """Z = (1/2, 1/2), c = 1 / (z1 / L1 + z2 / L2): w = (z1 / L1, z2 / L2) c."""
    rule = build("famo", 2, lr=0.1)
    c = 1 / (1 / 2 / 2.0 + 1 / 2 / 1.0)
    first = rule(GRADIENTS, step(losses=[2.0, 1.0])).weights[:, 0].tolist()
    assert first == pytest.approx([c / 4, c / 2], rel=1e-5)
    rule.after_step(lambda: torch.tensor([1.0, 0.9]))  # the first loss fell by a half, the second by a tenth
    second = rule(GRADIENTS, step(losses=[2.0, 1.0])).weights[:, 0].tolist()
    assert second[1] / second[0] > first[1] / first[0]


def test_stch_is_the_softmax_of_the_losses_over_their_number() -> None:
    """d/dL_i of mu ln sum exp(L / (2 mu)) = 1/2 softmax_i(L / (2 mu)), mu = 1."""
    z = exp(1.0) + exp(0.5)
    assert weights("stch", [2.0, 1.0], mu=1.0) == pytest.approx([exp(1.0) / z / 2, exp(0.5) / z / 2])
