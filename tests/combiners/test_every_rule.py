"""What holds for every rule."""

from itertools import permutations

import pytest
import torch

from pipeline import plugins
from pipeline.combiners._base import RowGradients
from tests.combiners._rows import row_gradients

RULES = plugins.names("combiners")


def random_rows(seed: int = 0) -> RowGradients:
    generator = torch.Generator().manual_seed(seed)
    values = torch.randn(3, 7, 4, generator=generator, dtype=torch.float64)
    present = torch.rand(3, 7, generator=generator) < 0.6
    present[0, present.sum(0) == 0] = True
    return RowGradients(torch.arange(7), values * present.unsqueeze(2), present)


@pytest.mark.parametrize("rule", RULES)
def test_shape_and_finite(rule: str) -> None:
    gradients = random_rows()
    combined = plugins.load("combiners", rule)()(gradients, progress=0.5)
    assert combined.values.shape == (7, 4)
    assert combined.weights.shape == (3, 7)
    assert combined.values.isfinite().all()


@pytest.mark.parametrize("rule", RULES)
def test_one_task_keeps_its_gradient(rule: str) -> None:
    gradients = row_gradients([[[1.0, -2.0], [0.5, 0.0]]])
    combined = plugins.load("combiners", rule)()(gradients, progress=0.4)
    torch.testing.assert_close(combined.values, gradients.values[0])


@pytest.mark.parametrize("rule", RULES)
def test_zero_gradients_stay_zero(rule: str) -> None:
    gradients = row_gradients([[[0.0, 0.0]], [[0.0, 0.0]]])
    combined = plugins.load("combiners", rule)()(gradients, progress=0.4)
    assert combined.values.tolist() == [[0.0, 0.0]]


@pytest.mark.parametrize("rule", RULES)
def test_the_order_of_side_tasks_does_not_matter(rule: str) -> None:
    gradients = random_rows()
    expected = plugins.load("combiners", rule)()(gradients, progress=0.4).values
    for order in permutations([1, 2]):
        tasks = [0, *order]
        permuted = RowGradients(gradients.rows, gradients.values[tasks], gradients.present[tasks])
        torch.testing.assert_close(plugins.load("combiners", rule)()(permuted, progress=0.4).values, expected)


@pytest.mark.parametrize("rule", RULES)
def test_leaves_its_input_alone(rule: str) -> None:
    gradients, copy = random_rows(), random_rows()
    plugins.load("combiners", rule)()(gradients, progress=0.4)
    torch.testing.assert_close(gradients.values, copy.values)
    assert torch.equal(gradients.present, copy.present)
