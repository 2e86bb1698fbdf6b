"""What holds for every rule, at every granularity."""

from itertools import permutations
from typing import Any

import pytest
import torch

from pipeline import plugins
from pipeline.combiners.base import RowGradients
from tests.combiners._rows import RULES, build, combine, random_rows, row_gradients, step

every_rule = pytest.mark.parametrize(("rule", "options"), RULES, ids=str)


def has(rule: str, trait: str) -> bool:
    """A trait that the class of the rule declares."""
    found: bool = getattr(plugins.load("combiners", rule), trait)
    return found


def permuted(gradients: RowGradients, tasks: list[int]) -> RowGradients:
    return RowGradients(gradients.rows, gradients.tables, gradients.values[tasks], gradients.present[tasks])


def test_every_rule_is_here() -> None:
    assert {rule for rule, _ in RULES} == set(plugins.names("combiners"))


@every_rule
def test_shape_and_finite(rule: str, options: dict[str, Any]) -> None:
    combined = combine(rule, random_rows(), **options)
    assert combined.values.shape == (7, 5)
    assert combined.values.isfinite().all()
    if combined.weights is not None:
        assert combined.weights.shape == (3, 7)
        assert combined.weights.isfinite().all()


@every_rule
def test_weights_are_what_the_gradients_are_multiplied_by(rule: str, options: dict[str, Any]) -> None:
    gradients = random_rows()
    combined = combine(rule, gradients, **options)
    if combined.weights is not None:
        by_hand = (combined.weights.unsqueeze(2) * gradients.values).sum(0)
        torch.testing.assert_close(combined.values, by_hand)


@every_rule
def test_a_rule_that_weighs_gives_no_negative_weight_to_whatever_rows(rule: str, options: dict[str, Any]) -> None:
    if not has(rule, "weighs"):
        pytest.skip("gives no weights >= 0")
    for seed in range(30):
        weights = combine(rule, random_rows(seed), **options).weights
        assert weights is not None
        assert (weights >= 0).all(), f"seed {seed}"


@every_rule
def test_one_task_keeps_its_direction(rule: str, options: dict[str, Any]) -> None:
    gradients = row_gradients([[[1.0, -2.0], [0.5, 0.0]]])
    found, expected = combine(rule, gradients, **options).values, gradients.values[0]
    if not has(rule, "keeps_length"):
        factor = (found * expected).sum(dim=1, keepdim=True) / expected.square().sum(dim=1, keepdim=True)
        assert (factor > 0).all()
        expected = factor * expected
    torch.testing.assert_close(found, expected, rtol=1e-6, atol=0)


@every_rule
def test_losses_change_nothing_for_a_rule_that_does_not_need_them(rule: str, options: dict[str, Any]) -> None:
    first, second = (combine(rule, random_rows(), step(losses=losses), **options).values for losses in ([0.5] * 3, [0.1, 2, 9]))
    assert torch.equal(first, second) or has(rule, "needs_losses")


@every_rule
def test_zero_gradients_stay_zero(rule: str, options: dict[str, Any]) -> None:
    gradients = row_gradients([[[0.0, 0.0]], [[0.0, 0.0]]])
    combined = combine(rule, gradients, **options)
    assert combined.values.tolist() == [[0.0, 0.0]]


@every_rule
def test_a_task_whose_gradient_is_zero_gives_no_nan(rule: str, options: dict[str, Any]) -> None:
    gradients = row_gradients([[[1.0, 2.0], [1.0, 0.0]], [[0.0, 0.0], [0.0, 0.0]], [[-1.0, 1.0], [0.0, 3.0]]])
    assert combine(rule, gradients, **options).values.isfinite().all()


@every_rule
def test_an_absent_task_is_as_if_it_were_not_there(rule: str, options: dict[str, Any]) -> None:
    if not has(rule, "ignores_absent_tasks"):
        pytest.skip("the formula depends on tasks that did not touch the rows")
    two = row_gradients([[[3.0, 1.0], [1.0, 2.0]], [[-1.0, 1.0], [2.0, 2.0]]])
    three = RowGradients(
        two.rows,
        two.tables,
        torch.cat([two.values, torch.zeros(1, 2, 2, dtype=torch.float64)]),
        torch.cat([two.present, torch.zeros(1, 2, dtype=torch.bool)]),
    )
    torch.testing.assert_close(combine(rule, three, **options).values, combine(rule, two, **options).values)


@every_rule
def test_the_order_of_side_tasks_does_not_matter(rule: str, options: dict[str, Any]) -> None:
    if has(rule, "draws"):
        pytest.skip("draws in the order of the tasks")
    gradients, losses = random_rows(), [0.5, 0.6, 0.4]
    expected = combine(rule, gradients, step(losses=losses), **options).values
    for order in permutations([1, 2]):
        tasks = [0, *order]
        found = combine(rule, permuted(gradients, tasks), step(losses=[losses[t] for t in tasks]), **options)
        torch.testing.assert_close(found.values, expected, rtol=1e-4, atol=1e-5)


@every_rule
@pytest.mark.parametrize("scale", [1e-15, 1e-3, 1e15])
def test_extreme_scales_are_survived(rule: str, options: dict[str, Any], scale: float) -> None:
    """In float32, as in a training."""
    combined = combine(rule, random_rows(scale=scale, dtype=torch.float32), **options)
    assert combined.values.isfinite().all()
    if not has(rule, "scale_equivariant"):
        return
    expected = combine(rule, random_rows(dtype=torch.float32), **options)
    torch.testing.assert_close(combined.values / scale, expected.values, rtol=2e-3, atol=2e-4)


@every_rule
def test_same_generator_same_bits(rule: str, options: dict[str, Any]) -> None:
    torch.manual_seed(1)
    first = combine(rule, random_rows(), step(seed=3), **options).values
    torch.manual_seed(2)
    state = torch.get_rng_state()
    assert torch.equal(combine(rule, random_rows(), step(seed=3), **options).values, first)
    assert torch.equal(torch.get_rng_state(), state), "torch's own generator was moved"


@every_rule
def test_several_steps_stay_finite_and_leave_the_input_alone(rule: str, options: dict[str, Any]) -> None:
    combiner = build(rule, **options)
    for number in range(8):
        gradients, copy = random_rows(number), random_rows(number)
        losses = torch.tensor([0.6, 0.5, 0.4]) / (number + 1)
        combined = combiner(gradients, step(progress=number / 7, losses=losses.tolist(), epoch=1 + number // 2))
        combiner.after_step(lambda losses=losses: losses * 0.9)  # type: ignore[misc]
        assert combined.values.isfinite().all()
        assert torch.equal(gradients.values, copy.values)
        assert torch.equal(gradients.present, copy.present)


# Buffers that follow from the options, that only other options than the default fill, or that move after the step.
STATE_OF_OPTIONS = ("famo", "pmtrec", "pmtrec_inverse", "random_weights", "static_weights", "upgrad")

# What TorchJD holds in tensors that are no buffers (their docstrings say so); the leak never changes.
KEPT_BY_TORCHJD = {"dwa": {"_loss_sum"}, "famo": {"_prev_losses"}, "graddrop": {"_leak"}}


@every_rule
def test_state_is_saved(rule: str, options: dict[str, Any]) -> None:
    """Every tensor that changes over the steps is in the state of the module, but for what TorchJD keeps elsewhere."""
    combiner = build(rule, **options)
    before = {name: value.clone() for name, value in combiner.state_dict().items()}
    for number in range(3):
        combiner(random_rows(number), step(seed=number))
    loose = {name for part in combiner.modules() for name, value in vars(part).items() if isinstance(value, torch.Tensor)}
    assert loose <= KEPT_BY_TORCHJD.get(rule, set())
    if before and rule not in STATE_OF_OPTIONS:
        assert any(not torch.equal(value, before.get(name, value + 1)) for name, value in combiner.state_dict().items())


@every_rule
def test_a_rule_that_has_not_begun_remembers_nothing_and_goes_on_from_it(rule: str, options: dict[str, Any]) -> None:
    again = build(rule, **options)
    again.remember(build(rule, **options).memory())
    found, expected = again(random_rows(), step()).values, combine(rule, random_rows(), **options).values
    torch.testing.assert_close(found, expected, rtol=0, atol=0)


@every_rule
def test_rows_of_a_group_share_their_weights_and_groups_do_not(rule: str, options: dict[str, Any]) -> None:
    """After some steps, in which the rules that begin with equal weights have moved."""
    granularity, made = options.get("granularity"), build(rule, **options)
    for seed in range(4):
        weights = made(random_rows(seed, everywhere=True), step(losses=[0.5, 0.2 * seed + 0.1, 0.9])).weights
    if granularity is None or weights is None:
        pytest.skip("has one weight per task for all rows, or no weights")
    tables = {"global": [slice(0, 7)], "table": [slice(0, 4), slice(4, 7)], "entity": [slice(n, n + 1) for n in range(7)]}
    one_of_each = torch.stack([weights[:, rows][:, 0] for rows in tables[granularity]])
    for rows, of_group in zip(tables[granularity], one_of_each, strict=True):
        torch.testing.assert_close(weights[:, rows], of_group.unsqueeze(1).expand_as(weights[:, rows]))
    assert len(one_of_each) == 1 or not torch.allclose(one_of_each, one_of_each[:1].expand_as(one_of_each))


@pytest.mark.parametrize(("rule", "options"), [("dwa", {"temperature": 0.5}), ("metabalance", {"relax": 0.0})], ids=str)
def test_options_at_the_end_of_their_range_are_taken(rule: str, options: dict[str, Any]) -> None:
    assert combine(rule, random_rows(), **options).values.isfinite().all()
