from math import exp

import pytest
import torch

from pipeline.combiners.equal_weights import EqualWeights
from pipeline.combiners.pmtrec import PMTRec
from tests.combiners._rows import row_gradients


def test_row_with_three_tasks() -> None:
    """Norms 3, 4, 5 have the mean 4: shares 3/4, 1, 5/4; over temperature 1/2: 3/2, 2, 5/2.

    Softmax: e^(3/2) / z, e^2 / z, e^(5/2) / z. Progress 1/4: 3/4 of that, plus 1/4 for the main task. Times |A| = 3.
    """
    gradients = row_gradients([[[3.0, 0.0]], [[0.0, 4.0]], [[3.0, 4.0]]])
    z = exp(1.5) + exp(2.0) + exp(2.5)
    weights = [3 * (3 / 4 * exp(1.5) / z + 1 / 4), 3 * 3 / 4 * exp(2.0) / z, 3 * 3 / 4 * exp(2.5) / z]

    combined = PMTRec(temperature=0.5)(gradients, progress=0.25)

    torch.testing.assert_close(combined.weights[:, 0], torch.tensor(weights, dtype=torch.float64))
    by_hand = [weights[0] * 3 + weights[2] * 3, weights[1] * 4 + weights[2] * 4]
    torch.testing.assert_close(combined.values[0], torch.tensor(by_hand, dtype=torch.float64))


def test_without_scaling_the_softmax_is_over_raw_norms() -> None:
    """Norms 1 and 2, temperature 1: e / (e + e^2) and e^2 / (e + e^2), times |A| = 2."""
    gradients = row_gradients([[[1.0]], [[2.0]]])
    combined = PMTRec(temperature=1.0, scale="none", focus="none")(gradients, progress=0.7)
    z = exp(1.0) + exp(2.0)
    expected = torch.tensor([2 * exp(1.0) / z, 2 * exp(2.0) / z], dtype=torch.float64)
    torch.testing.assert_close(combined.weights[:, 0], expected)


def test_a_task_that_did_not_touch_the_row_has_no_part() -> None:
    """The row belongs to main alone: softmax over one task is 1, |A| = 1."""
    gradients = row_gradients([[[1.0, 1.0]], [[0.0, 0.0]]], present=[[True], [False]])
    combined = PMTRec()(gradients, progress=0.3)
    torch.testing.assert_close(combined.values, gradients.values[0])
    assert combined.weights.tolist() == [[1.0], [0.0]]


def test_a_row_without_the_main_task_fades_with_the_focus() -> None:
    """Only the side task touched the row: w = 1, then (1 - 3/4) * 1."""
    gradients = row_gradients([[[0.0]], [[2.0]]], present=[[False], [True]])
    combined = PMTRec()(gradients, progress=0.75)
    torch.testing.assert_close(combined.values, torch.tensor([[(1 - 3 / 4) * 2.0]], dtype=torch.float64))


def test_full_focus_is_the_main_gradient_times_the_number_of_tasks() -> None:
    gradients = row_gradients([[[1.0, 2.0]], [[5.0, 5.0]]])
    combined = PMTRec()(gradients, progress=1.0)
    torch.testing.assert_close(combined.values, 2 * gradients.values[0])


def test_focus_end_is_where_the_focus_stops() -> None:
    """l(1) = 1/2: half of the uniform weights (equal norms), half for main; times 2."""
    gradients = row_gradients([[[1.0]], [[1.0]]])
    combined = PMTRec(focus_end=0.5)(gradients, progress=1.0)
    assert combined.weights[:, 0].tolist() == [2 * (1 / 2 * 1 / 2 + 1 / 2), 2 * (1 / 2 * 1 / 2)]


def test_zero_gradients_give_uniform_weights_and_no_nan() -> None:
    gradients = row_gradients([[[0.0, 0.0]], [[0.0, 0.0]]])
    combined = PMTRec(focus="none")(gradients, progress=0.0)
    assert combined.weights[:, 0].tolist() == [1.0, 1.0]
    assert combined.values.tolist() == [[0.0, 0.0]]


@pytest.mark.parametrize("scale", [1e-15, 1e-3, 1.0, 1e15])
def test_row_scaling_makes_weights_independent_of_the_size_of_the_gradients(scale: float) -> None:
    gradients = row_gradients([[[1.0, 2.0]], [[3.0, 1.0]]])
    scaled = row_gradients([[[scale, 2 * scale]], [[3 * scale, scale]]])
    torch.testing.assert_close(PMTRec()(scaled, 0.2).weights, PMTRec()(gradients, 0.2).weights)


def test_a_high_temperature_is_equal_weights() -> None:
    gradients = row_gradients([[[1.0, 2.0], [0.1, 0.0]], [[3.0, 1.0], [9.0, 9.0]]])
    combined = PMTRec(temperature=1e9, focus="none")(gradients, progress=0.9)
    torch.testing.assert_close(combined.values, EqualWeights()(gradients, 0.9).values)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"temperature": 0.0}, "temperature must be > 0, found 0.0"),
        ({"focus_end": 1.5}, "focus_end must be in [0, 1], found 1.5"),
    ],
)
def test_options_out_of_range_are_refused(options: dict[str, float], message: str) -> None:
    with pytest.raises(ValueError) as refused:  # noqa: PT011  # the whole message is compared
        PMTRec(**options)  # type: ignore[arg-type]
    assert str(refused.value) == message
