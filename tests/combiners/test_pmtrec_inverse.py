from math import cos, exp, expm1, log, pi
from typing import Any

import pytest
import torch

from pipeline.combiners.base import Combined, RowGradients
from pipeline.combiners.pmtrec_inverse import PMTRecInverse
from tests.combiners._rows import TABLES, build, combine, random_rows, row_gradients, step


def pmtrec_inverse(gradients: RowGradients, progress: float = 0.0, **options: Any) -> Combined:
    """With the softmax, unless another form is asked for: it is the form with the most to go wrong."""
    at = step(progress, n_tasks=len(gradients.values))
    return combine("pmtrec_inverse", gradients, at, **{"weights": "softmax"} | options)


def weights(gradients: RowGradients, progress: float = 0.0, row: int = 0, **options: Any) -> list[float]:
    """Of the row, divided by |A|, so that they are the w of the formula."""
    found = pmtrec_inverse(gradients, progress, length="mean", **options).weights
    assert found is not None
    return [float(value) for value in found[:, row]]


def close(found: torch.Tensor, expected: list[list[float]]) -> None:
    torch.testing.assert_close(found, torch.tensor(expected, dtype=torch.float64))


def test_row_with_three_tasks() -> None:
    """Norms 3, 4, 5 have the mean 4: shares 3/4, 1, 5/4; over temperature 1/2: 3/2, 2, 5/2.

    Softmax: e^(3/2) / z, e^2 / z, e^(5/2) / z. Progress 1/4: 3/4 of that, plus 1/4 for the main task. Times |A| = 3.
    """
    gradients = row_gradients([[[3.0, 0.0]], [[0.0, 4.0]], [[3.0, 4.0]]])
    z = exp(1.5) + exp(2.0) + exp(2.5)
    by_hand = [3 * (3 / 4 * exp(1.5) / z + 1 / 4), 3 * 3 / 4 * exp(2.0) / z, 3 * 3 / 4 * exp(2.5) / z]

    combined = pmtrec_inverse(gradients, 0.25, temperature=0.5)

    assert combined.weights is not None
    torch.testing.assert_close(combined.weights[:, 0], torch.tensor(by_hand, dtype=torch.float64))
    close(combined.values, [[by_hand[0] * 3 + by_hand[2] * 3, by_hand[1] * 4 + by_hand[2] * 4]])


def test_without_scaling_the_softmax_is_over_raw_norms() -> None:
    """Norms 1 and 2, temperature 1: e / (e + e^2) and e^2 / (e + e^2)."""
    z = exp(1.0) + exp(2.0)
    found = weights(row_gradients([[[1.0]], [[2.0]]]), temperature=1.0, scale="none", focus="none")
    assert found == pytest.approx([exp(1.0) / z, exp(2.0) / z])


def test_running_scale_divides_by_the_mean_of_the_task_in_the_table() -> None:
    """First step, means of the first table: main (2 + 4) / 2 = 3, side 1; of the second: main 10, side 5.

    Second step, the same gradients doubled: 0.99 * 3 + 0.01 * 6, and so on; row 0 has the norms 4 and 2.
    """
    values = torch.tensor([[[2.0], [4.0], [10.0]], [[1.0], [1.0], [5.0]]], dtype=torch.float64)
    present = torch.ones(2, 3, dtype=torch.bool)
    tables = torch.tensor([0, 0, 1])
    rule = build("pmtrec_inverse", 2, scale="running", weights="proportional", focus="none", length="mean")
    first = rule(RowGradients(torch.tensor([0, 1, 4]), tables, values, present), step(n_tasks=2)).weights
    main, side = 2 / 3, 1 / 1
    assert first[:, 0].tolist() == pytest.approx([main / (main + side), side / (main + side)])
    assert first[:, 2].tolist() == pytest.approx([1 / 2, 1 / 2])
    second = rule(RowGradients(torch.tensor([0, 1, 4]), tables, 2 * values, present), step(n_tasks=2)).weights
    main, side = 4 / (0.99 * 3 + 0.01 * 6), 2 / (0.99 * 1 + 0.01 * 2)
    assert second[:, 0].tolist() == pytest.approx([main / (main + side), side / (main + side)])


@pytest.mark.parametrize(
    ("form", "expected"),
    [
        ("proportional", [1 / 6, 2 / 6, 3 / 6]),
        ("inverse", [6 / 11, 3 / 11, 2 / 11]),  # 1, 1/2, 1/3 over 11/6
        ("uniform", [1 / 3, 1 / 3, 1 / 3]),
    ],
)
def test_other_forms_of_weights(form: str, expected: list[float]) -> None:
    gradients = row_gradients([[[1.0]], [[2.0]], [[3.0]]])
    assert weights(gradients, weights=form, focus="none") == pytest.approx(expected)


@pytest.mark.parametrize("form", ["softmax", "proportional", "inverse", "uniform"])
@pytest.mark.parametrize("scale", ["row", "running", "none"])
@pytest.mark.parametrize("focus", ["convex", "logit", "none"])
@pytest.mark.parametrize("granularity", ["entity", "table", "global"])
def test_weights_of_every_form_sum_to_one_where_the_main_task_is(form: str, scale: str, focus: str, granularity: str) -> None:
    options = {"weights": form, "scale": scale, "focus": focus, "granularity": granularity, "length": "mean"}
    gradients = random_rows()
    found = pmtrec_inverse(gradients, 0.5, **options).weights
    assert found is not None
    assert (found >= 0).all()
    assert found.isfinite().all()
    if granularity == "entity":
        assert (found[~gradients.present] == 0).all()
        total = found.sum(0)[gradients.present[0]]
        torch.testing.assert_close(total, torch.ones_like(total))


@pytest.mark.parametrize("form", ["softmax", "proportional", "inverse", "uniform"])
def test_a_zero_gradient_beside_others_gives_finite_weights(form: str) -> None:
    gradients = row_gradients([[[0.0]], [[2.0]], [[1.0]]])
    assert sum(weights(gradients, weights=form, focus="none")) == pytest.approx(1.0)


def test_a_task_that_did_not_touch_the_row_has_no_part() -> None:
    """The row belongs to main alone: softmax over one task is 1, |A| = 1."""
    gradients = row_gradients([[[1.0, 1.0]], [[0.0, 0.0]]], present=[[True], [False]])
    combined = pmtrec_inverse(gradients, 0.3)
    torch.testing.assert_close(combined.values, gradients.values[0])
    assert combined.weights is not None
    assert combined.weights.tolist() == [[1.0], [0.0]]


@pytest.mark.parametrize("focus", ["convex", "logit"])
def test_a_row_without_the_main_task_fades_with_the_focus_or_not(focus: str) -> None:
    """Only the side task touched the row: w = 1, then (1 - 3/4) * 1 or 1."""
    gradients = row_gradients([[[0.0]], [[2.0]]], present=[[False], [True]])
    close(pmtrec_inverse(gradients, 0.75, focus=focus).values, [[(1 - 3 / 4) * 2.0]])
    close(pmtrec_inverse(gradients, 0.75, focus=focus, without_main="keep").values, [[2.0]])


def test_full_focus_is_the_main_gradient_times_the_number_of_tasks() -> None:
    gradients = row_gradients([[[1.0, 2.0]], [[5.0, 5.0]]])
    for focus in ("convex", "logit"):
        torch.testing.assert_close(pmtrec_inverse(gradients, 1.0, focus=focus).values, 2 * gradients.values[0])


def test_focus_end_is_where_the_focus_stops() -> None:
    """l(1) = 1/2: half of the uniform weights (equal norms), half for main."""
    found = weights(row_gradients([[[1.0]], [[1.0]]]), 1.0, focus_end=0.5)
    assert found == pytest.approx([1 / 2 * 1 / 2 + 1 / 2, 1 / 2 * 1 / 2])


def test_logit_focus_divides_the_main_weight_before_they_sum_to_one() -> None:
    """W = (1/3, 2/3), l = 1/4: 1/3 : 3/4 * 2/3 = 2 : 3. The logit of main over side has grown by -ln(3/4)."""
    gradients = row_gradients([[[1.0]], [[2.0]]])
    found = weights(gradients, 0.25, weights="proportional", focus="logit")
    assert found == pytest.approx([2 / 5, 3 / 5])
    assert log(found[0] / found[1]) == pytest.approx(log(1 / 2) - log(3 / 4))


def test_logit_focus_of_a_weight_that_is_zero_still_ends_with_the_main_task() -> None:
    gradients = row_gradients([[[1e-30]], [[1.0]]])
    assert weights(gradients, 1.0, focus="logit", temperature=1e-3) == [1.0, 0.0]


@pytest.mark.parametrize(
    ("schedule", "progress", "expected"),
    [
        ("linear", 0.25, 0.25),
        ("cosine", 0.25, (1 - cos(pi / 4)) / 2),
        ("exponential", 0.5, expm1(2.5) / expm1(5)),
        ("step", 0.01, 1.0),
    ],
)
def test_schedules(schedule: Any, progress: float, expected: float) -> None:
    rule = PMTRecInverse(["main"], TABLES, schedule=schedule)
    assert rule.focus_at(progress) == pytest.approx(expected)
    assert rule.focus_at(1.0) == pytest.approx(1.0)
    assert rule.focus_at(0.0) == (1.0 if schedule == "step" else 0.0)
    assert PMTRecInverse(["main"], TABLES, schedule=schedule, focus_end=0.3).focus_at(1.0) == pytest.approx(0.3)


@pytest.mark.parametrize("schedule", ["linear", "cosine", "exponential", "step"])
def test_warm_up_delays_the_schedule(schedule: Any) -> None:
    """Half of the training without focus, then the schedule over the other half."""
    rule, whole = (PMTRecInverse(["main"], TABLES, schedule=schedule, warm_up=warm_up) for warm_up in (0.5, 0.0))
    assert rule.focus_at(0.49) == 0.0
    assert rule.focus_at(0.75) == pytest.approx(whole.focus_at(0.5))
    assert rule.focus_at(1.0) == pytest.approx(1.0)


def test_norm_decay_is_a_running_mean_per_entity_from_its_first_step_on() -> None:
    """Row 0: norms 1 and 3, then 1 and 1: side (1/2 * 3 + 1/2 * 1) = 2. Row 1 comes in the second step with 1 and 1."""
    rule = build("pmtrec_inverse", 2, weights="proportional", norm_decay=0.5, focus="none", length="mean")
    rule(row_gradients([[[1.0]], [[3.0]]]), step(n_tasks=2))
    found = rule(row_gradients([[[1.0], [1.0]], [[1.0], [1.0]]]), step(n_tasks=2)).weights
    assert found[:, 0].tolist() == pytest.approx([1 / 3, 2 / 3])
    assert found[:, 1].tolist() == pytest.approx([1 / 2, 1 / 2])
    assert rule.state_dict()["norms"].shape == (2, sum(TABLES.values()))


def test_norm_decay_of_a_task_that_is_absent_now_has_no_part() -> None:
    rule = build("pmtrec_inverse", 2, norm_decay=0.5, focus="none")
    rule(row_gradients([[[1.0]], [[3.0]]]), step(n_tasks=2))
    found = rule(row_gradients([[[2.0]], [[0.0]]], present=[[True], [False]]), step(n_tasks=2))
    assert found.weights.tolist() == [[1.0], [0.0]]


def test_length_keep_mean_and_main() -> None:
    """Two orthogonal gradients of length 3 and 4, uniform weights: c = (3, 4) of length 5, half of it, or of length 3."""
    gradients = row_gradients([[[3.0, 0.0]], [[0.0, 4.0]]])
    options: dict[str, Any] = {"weights": "uniform", "focus": "none"}
    close(pmtrec_inverse(gradients, **options).values, [[3.0, 4.0]])
    close(pmtrec_inverse(gradients, length="mean", **options).values, [[3 / 2, 4 / 2]])
    close(pmtrec_inverse(gradients, length="main", **options).values, [[3 * 3 / 5, 4 * 3 / 5]])
    halfway = 1 / 2 + 1 / 2 * 3 / 5
    close(pmtrec_inverse(gradients, length="main", relax=0.5, **options).values, [[3 * halfway, 4 * halfway]])


def test_length_main_is_of_each_row_and_scales_its_weights() -> None:
    """Main's lengths are 3 and 6, those of the sums 5 and 10: both rows shrink to 3/5, and so do weights of one each."""
    gradients = row_gradients([[[3.0, 0.0], [6.0, 0.0]], [[0.0, 4.0], [0.0, 8.0]]])
    found = pmtrec_inverse(gradients, length="main", weights="uniform", focus="none")
    close(found.values, [[9 / 5, 12 / 5], [18 / 5, 24 / 5]])
    assert found.weights is not None
    close(found.weights, [[3 / 5, 3 / 5], [3 / 5, 3 / 5]])


def test_length_main_leaves_rows_without_the_main_task() -> None:
    gradients = row_gradients([[[0.0]], [[2.0]]], present=[[False], [True]])
    close(pmtrec_inverse(gradients, length="main").values, [[2.0]])


def test_granularity_table_and_global_share_weights() -> None:
    """Rows of one table: norms of main sqrt(3^2 + 4^2) = 5, of side 10; proportional 1/3 and 2/3 for both rows."""
    gradients = row_gradients([[[3.0], [4.0]], [[6.0], [8.0]]])
    for granularity in ("table", "global"):
        for row in (0, 1):
            found = weights(gradients, row=row, weights="proportional", focus="none", granularity=granularity)
            assert found == pytest.approx([1 / 3, 2 / 3])


def test_zero_gradients_give_uniform_weights_and_no_nan() -> None:
    gradients = row_gradients([[[0.0, 0.0]], [[0.0, 0.0]]])
    assert weights(gradients, focus="none") == [1 / 2, 1 / 2]
    assert pmtrec_inverse(gradients).values.tolist() == [[0.0, 0.0]]


@pytest.mark.parametrize("scale", [1e-15, 1e-3, 1.0, 1e15])
def test_row_scaling_makes_weights_independent_of_the_size_of_the_gradients(scale: float) -> None:
    gradients = row_gradients([[[1.0, 2.0]], [[3.0, 1.0]]])
    scaled = row_gradients([[[scale, 2 * scale]], [[3 * scale, scale]]])
    assert weights(scaled, 0.2) == pytest.approx(weights(gradients, 0.2))


def test_running_scale_makes_weights_independent_of_the_scale_of_one_task() -> None:
    gradients = random_rows()
    louder = RowGradients(gradients.rows, gradients.tables, gradients.values.clone(), gradients.present)
    louder.values[1] *= 1e4
    first, second = (pmtrec_inverse(g, scale="running").weights for g in (gradients, louder))
    torch.testing.assert_close(first, second)


def test_a_high_temperature_is_equal_weights() -> None:
    gradients = row_gradients([[[1.0, 2.0], [0.1, 0.0]], [[3.0, 1.0], [9.0, 9.0]]])
    combined = pmtrec_inverse(gradients, 0.9, temperature=1e9, focus="none")
    torch.testing.assert_close(combined.values, combine("equal_weights", gradients).values)


@pytest.mark.parametrize("granularity", ["entity", "table", "global"])
def test_without_gmb_and_focus_it_is_equal_weights(granularity: str) -> None:
    gradients = random_rows()
    combined = pmtrec_inverse(gradients, 0.9, weights="uniform", focus="none", granularity=granularity)
    torch.testing.assert_close(combined.values, gradients.values.sum(0))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"temperature": 0.0}, "temperature must be > 0, found 0.0"),
        ({"focus_end": 1.5}, "focus_end must be in [0, 1], found 1.5"),
        ({"relax": -0.5}, "relax must be in [0, 1], found -0.5"),
        ({"warm_up": 1.0}, "warm_up must be in [0, 1), found 1.0"),
        ({"norm_decay": 1.0}, "norm_decay must be in [0, 1), found 1.0"),
    ],
)
def test_options_out_of_range_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError) as refused:  # noqa: PT011  # the whole message is compared
        build("pmtrec_inverse", **options)
    assert str(refused.value) == message


def test_exchanged_weights_are_those_of_others_of_the_same_table_and_tasks() -> None:
    generator = torch.Generator().manual_seed(0)
    present = torch.rand(3, 200, generator=generator) < 0.6
    present[0, present.sum(0) == 0] = True
    values = torch.randn(3, 200, 5, generator=generator, dtype=torch.float64) * present.unsqueeze(2)
    gradients = RowGradients(torch.arange(200), (torch.arange(200) >= 120).long(), values, present)
    own, others = (pmtrec_inverse(gradients, 0.3, exchanged=exchanged).weights for exchanged in (False, True))
    assert own is not None
    assert others is not None
    assert not torch.equal(own, others)
    kinds = torch.cat([gradients.tables[None], gradients.present.long()]).T
    for kind in set(map(tuple, kinds.tolist())):
        rows = (kinds == torch.tensor(kind)).all(dim=1)
        mine, theirs = (sorted(map(tuple, found[:, rows].T.float().tolist())) for found in (own, others))
        assert mine == theirs
