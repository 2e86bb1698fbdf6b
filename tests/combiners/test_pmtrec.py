"""Algorithm 1 by hand, and what each deviation from it changes."""

from math import exp
from typing import Any

import pytest
import torch

from pipeline.combiners.base import Combined, RowGradients
from pipeline.combiners.pmtrec import PMTRec
from tests.combiners._rows import TABLES, build, combine, random_rows, row_gradients, step

TASKS = ["main", "side1", "side2"]

# Of three tasks on three rows: the third task does not touch the first row, the main task not the last.
GRADIENTS = row_gradients(
    [
        [[3.0, 4.0], [0.0, 1.0], [0.0, 0.0]],
        [[0.0, 2.0], [2.0, 0.0], [1.0, 0.0]],
        [[0.0, 0.0], [0.0, -3.0], [0.0, 2.0]],
    ],
    present=[[True, True, False], [True, True, True], [False, True, True]],
)


def pmtrec(gradients: RowGradients, epoch: int = 1, progress: float = 0.0, **options: Any) -> Combined:
    return combine("pmtrec", gradients, step(progress, n_tasks=len(gradients.values), epoch=epoch), **options)


def close(found: torch.Tensor, expected: list[Any]) -> None:
    torch.testing.assert_close(found, torch.tensor(expected, dtype=torch.float64))


def test_algorithm_1_on_three_rows_and_three_tasks() -> None:
    """Alpha 1.5 in epoch 2: factor 9/4 of the main task's norm; tau 2.

    Row 0: norms 5, 2, 0; 5 * 9/4. Row 1: norms 1, 2, 3; 9/4. Row 2: norms 0, 1, 2. A norm of 0 has the share e^0 = 1.
    """
    z = [exp(5 * 9 / 4 / 2) + exp(2 / 2) + 1, exp(9 / 4 / 2) + exp(2 / 2) + exp(3 / 2), 1 + exp(1 / 2) + exp(2 / 2)]
    expected = [
        [exp(5 * 9 / 4 / 2) / z[0] * 3, exp(5 * 9 / 4 / 2) / z[0] * 4 + exp(2 / 2) / z[0] * 2],
        [exp(2 / 2) / z[1] * 2, exp(9 / 4 / 2) / z[1] * 1 - exp(3 / 2) / z[1] * 3],
        [exp(1 / 2) / z[2] * 1, exp(2 / 2) / z[2] * 2],
    ]
    close(pmtrec(GRADIENTS, epoch=2, alpha=1.5, tau=2.0).values, expected)


def test_global_norms_are_those_of_the_whole_gradient() -> None:
    """Squares: main 25 + 1 + 0, first side task 4 + 4 + 1, second 0 + 9 + 4; epoch 1, alpha 1: no focus; tau 1."""
    shares = [exp(26**0.5), exp(9**0.5), exp(13**0.5)]
    found = pmtrec(GRADIENTS, alpha=1.0, tau=1.0, granularity="global").weights
    assert found is not None
    close(found[:, 1], [share / sum(shares) for share in shares])


def test_tau_between_equal_weights_and_the_longest_gradient_alone() -> None:
    even, alone = (pmtrec(GRADIENTS, alpha=1.0, tau=tau).weights for tau in (1e12, 1e-6))
    assert even is not None
    assert alone is not None
    close(even[:, 1], [1 / 3] * 3)
    close(alone[:, 1], [0.0, 0.0, 1.0])


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("alpha", [1.02, 1.2, 3.0])
@pytest.mark.parametrize("tau", [10.0, 1e-6])
@pytest.mark.parametrize("granularity", ["entity", "table", "global"])
def test_the_thousandth_epoch_is_finite(dtype: torch.dtype, alpha: float, tau: float, granularity: str) -> None:
    """3^1000 is 1e477, which no float can hold."""
    gradients = random_rows(dtype=dtype)
    found = pmtrec(gradients, epoch=1000, alpha=alpha, tau=tau, granularity=granularity)
    assert found.values.isfinite().all()
    assert found.weights is not None
    main = found.weights[0, gradients.present[0]]
    torch.testing.assert_close(main, torch.ones_like(main), rtol=1e-6, atol=1e-6)


def test_mask_leaves_out_who_did_not_touch_the_row() -> None:
    """Row 0 of norms 5 and 2; row 2 of 1 and 2."""
    found = pmtrec(GRADIENTS, alpha=1.0, tau=2.0, mask_absent=True).weights
    assert found is not None
    close(found[:, 0], [exp(5 / 2) / (exp(5 / 2) + exp(2 / 2)), exp(2 / 2) / (exp(5 / 2) + exp(2 / 2)), 0.0])
    close(found[:, 2], [0.0, exp(1 / 2) / (exp(1 / 2) + exp(2 / 2)), exp(2 / 2) / (exp(1 / 2) + exp(2 / 2))])


def test_comparable_norms_do_not_depend_on_the_scale_of_the_losses() -> None:
    plain = pmtrec(GRADIENTS, comparable_norms=True, tau=1.0).weights
    scaled = RowGradients(GRADIENTS.rows, GRADIENTS.tables, 1e-5 * GRADIENTS.values, GRADIENTS.present)
    torch.testing.assert_close(pmtrec(scaled, comparable_norms=True, tau=1.0).weights, plain)


def test_inverse_weights_are_those_of_pmtrec_inverse() -> None:
    """Without focus, masked, and but for its factor |A|."""
    ours = combine("pmtrec_inverse", GRADIENTS, focus="none", length="mean")
    torch.testing.assert_close(pmtrec(GRADIENTS, alpha=1.0, weights="inverse", mask_absent=True).values, ours.values)


def test_without_balancing_all_rows_have_the_same_weights() -> None:
    """Alpha 1.5, epoch 2: 9/4 to 1 to 1."""
    found = pmtrec(GRADIENTS, epoch=2, alpha=1.5, weights="uniform").weights
    assert found is not None
    close(found[:, 1], [9 / 4 / (9 / 4 + 2), 1 / (9 / 4 + 2), 1 / (9 / 4 + 2)])


def test_focus_by_share_counts_a_hundred_epochs() -> None:
    """A quarter of the training: alpha^25, whatever the epoch."""
    late = pmtrec(GRADIENTS, epoch=25, alpha=1.1)
    torch.testing.assert_close(pmtrec(GRADIENTS, epoch=3, progress=0.25, alpha=1.1, focus="share").values, late.values)


def test_it_is_settled_when_the_main_task_has_most_of_the_weight() -> None:
    """Equal norms of 1 and tau 1: alpha^s = 4 leaves the other e / (e + e^4) = .047, alpha^s = 2 leaves .27."""
    same = row_gradients([[[1.0]], [[1.0]]])
    rule = build("pmtrec", 2, alpha=2.0, tau=1.0)
    assert not rule.is_settled()
    rule(same, step(n_tasks=2, epoch=1))
    assert not rule.is_settled()
    rule(same, step(n_tasks=2, epoch=2))
    assert rule.is_settled()
    rule(same, step(n_tasks=2, epoch=1))
    assert rule.is_settled(), "once there, it stays"


def test_it_is_settled_by_the_mean_over_the_steps_of_an_epoch() -> None:
    """Main weights .953 and .73: .84; then .953 twice."""
    same = row_gradients([[[1.0]], [[1.0]]])
    rule = build("pmtrec", 2, alpha=2.0, tau=1.0)
    for epoch in (2, 1):
        rule(same, step(n_tasks=2, epoch=epoch))
    assert not rule.is_settled()
    for _ in range(2):
        rule(same, step(n_tasks=2, epoch=2))
    assert rule.is_settled()


def test_without_focus_there_is_nothing_to_wait_for() -> None:
    rule = build("pmtrec", 2, alpha=1.0)
    rule(row_gradients([[[1.0]], [[9.0]]]), step(n_tasks=2))
    assert rule.is_settled()


@pytest.mark.parametrize(
    ("options", "message"), [({"alpha": 0.9}, "alpha must be >= 1, found 0.9"), ({"tau": 0}, "tau must be >= 1e-30, found 0")]
)
def test_options_out_of_range_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        PMTRec(TASKS, TABLES, **options)
