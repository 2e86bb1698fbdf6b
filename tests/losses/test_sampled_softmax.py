"""Against the formula, candidate by candidate; and that the correction makes it an estimate of the full softmax."""

from dataclasses import replace
from math import exp, log
from typing import Any

import numpy as np
import pytest
import torch

from pipeline.data.examples import HEADS, NEGATIVES, TAILS
from pipeline.data.relation import NodeTypes, Relation
from pipeline.losses.sampled_softmax import SampledSoftmax
from pipeline.tasks._triplets import TripletSampler
from pipeline.tasks.base import Negatives
from tests.toy import tasks_of, triplets

RELATION = Relation("recommendation", "user", "item", np.array([0, 0, 1, 2]), np.array([0, 1, 1, 2]), 3, 4)
(TASK,) = tasks_of([RELATION])
NODES = NodeTypes({"user": 3, "item": 4})
ROWS = torch.tensor([[1.0, 0.0], [0.0, 2.0], [1.0, 1.0], [1.0, 1.0], [2.0, 0.0], [0.0, 1.0], [3.0, -1.0]], dtype=torch.float64)
AT = triplets([0, 1], [3, 4], [5, 4])  # items start at row 3
NAMES = torch.arange(7)


def loss(**options: Any) -> SampledSoftmax:
    return SampledSoftmax(TASK, NODES, 2, True, **options)


def score(head: int, tail: int) -> float:
    return float(ROWS[head] @ ROWS[tail])


def test_drawn_candidates_are_divided_by_how_often_they_are_expected() -> None:
    """2 draws from 4 tails: E = 2/4. The second head's own tail, 4, is drawn too, and is no candidate of its own."""
    first = -log(exp(score(0, 3)) / (exp(score(0, 3)) + exp(score(0, 5)) / 0.5 + exp(score(0, 4)) / 0.5))
    second = -log(exp(score(1, 4)) / (exp(score(1, 4)) + exp(score(1, 5)) / 0.5))
    found = loss(temperature=1.0, normalize=False, n_negatives=2)(ROWS, AT, NAMES)
    assert found.item() == pytest.approx((first + second) / 2)


def test_the_tails_of_the_batch_are_expected_as_often_as_pairs_have_them() -> None:
    """Of 4 pairs item 0 has 1, item 1 has 2: in a batch of two, the other pair has them with 1/4 and 2/4."""
    first = -log(exp(score(0, 3)) / (exp(score(0, 3)) + exp(score(0, 4)) / (2 / 4)))
    second = -log(exp(score(1, 4)) / (exp(score(1, 4)) + exp(score(1, 3)) / (1 / 4)))
    found = loss(temperature=1.0, normalize=False, n_negatives=0, in_batch=True)(ROWS, AT, NAMES)
    assert found.item() == pytest.approx((first + second) / 2, rel=1e-6)


def test_cosines_over_a_temperature() -> None:
    unit = ROWS / ROWS.norm(dim=1, keepdim=True)
    table = unit.clone()
    found = loss(temperature=0.1, n_negatives=1)(ROWS, AT, NAMES)
    scaled = loss(temperature=1.0, normalize=False, n_negatives=1)(table * 10**0.5, AT, NAMES)
    torch.testing.assert_close(found, scaled)
    torch.testing.assert_close(loss().scoring_vectors(ROWS[3:]), unit[3:])
    assert loss(normalize=False).scoring_vectors(ROWS) is ROWS


@pytest.mark.parametrize("negatives", ["uniform", "popularity"])
@pytest.mark.parametrize("options", [{"n_negatives": 400}, {"n_negatives": 0, "in_batch": True}, {"in_batch": True}])
def test_estimates_the_full_softmax(options: dict[str, Any], negatives: Negatives) -> None:
    """Over many tails and a large batch, the sampled sum is close to that over all.

    Popular tails point another way than the others and most heads go with them, so that a correction by anything but the
    tails' own popularity would show.
    """
    generator, rng = torch.Generator().manual_seed(0), np.random.default_rng(0)
    n_users, n_items, batch = 50, 300, 3000
    tails = (n_items * rng.random(batch) ** 2).astype(np.int64)
    task = Relation("t", "user", "item", rng.integers(0, n_users, batch), tails, n_users, n_items)
    nodes = NodeTypes({"user": n_users, "item": n_items})
    rows = torch.randn(n_users + n_items, 8, generator=generator, dtype=torch.float64)
    rows[:n_users, 0] += 3
    rows[n_users:, 0] += torch.linspace(3, -3, n_items, dtype=torch.float64)  # item 0 is the most popular
    q = TripletSampler(tasks_of([task])[0], nodes, 0, negatives=negatives).proposal
    drawn = torch.from_numpy(rng.choice(n_items, batch, p=q)) + n_users
    at = triplets(torch.from_numpy(task.heads), torch.from_numpy(task.tails) + n_users, drawn)
    part = SampledSoftmax(tasks_of([task])[0], nodes, 8, True, temperature=0.5, **options)
    part.set_proposal(None if q is None else torch.from_numpy(q))
    found = part(rows, at, torch.arange(n_users + n_items))
    unit = torch.nn.functional.normalize(rows, dim=1)
    full = torch.nn.functional.cross_entropy(unit[at[HEADS]] @ unit[n_users:].T / 0.5, torch.from_numpy(task.tails))
    assert found.item() == pytest.approx(full.item(), rel=0.02)


def test_popular_draws_are_divided_by_how_often_they_are_expected() -> None:
    """2 draws: tail 4, which is item 1, is expected 2 * .5 times, tail 5, which is item 2, 2 * .3 times."""
    part = loss(temperature=1.0, normalize=False, n_negatives=2)
    part.set_proposal(torch.tensor([0.1, 0.5, 0.3, 0.1], dtype=torch.float64))
    first = -log(exp(score(0, 3)) / (exp(score(0, 3)) + exp(score(0, 5)) / 0.6 + exp(score(0, 4)) / 1.0))
    second = -log(exp(score(1, 4)) / (exp(score(1, 4)) + exp(score(1, 5)) / 0.6))
    assert part(ROWS, AT, NAMES).item() == pytest.approx((first + second) / 2)
    assert part.closed_form(ROWS, AT, torch.zeros_like(ROWS)) is None  # which knows of one number for all


@pytest.mark.parametrize("options", [{}, {"in_batch": True}], ids=str)
def test_places_among_the_rows_of_a_step_are_no_numbers_of_tails(options: dict[str, Any]) -> None:
    """The same step with its rows in another order."""
    order = torch.tensor([6, 2, 4, 0, 5, 1, 3])
    place = torch.empty_like(order)
    place[order] = torch.arange(7)
    part = loss(**options)
    part.set_proposal(torch.tensor([0.1, 0.5, 0.3, 0.1], dtype=torch.float64))
    found = part(ROWS[order], triplets(*(place[AT[column]] for column in (HEADS, TAILS, NEGATIVES))), order)
    torch.testing.assert_close(found, part(ROWS, AT, NAMES))


def test_candidates_that_are_all_the_own_tail_leave_a_loss_of_zero() -> None:
    at = triplets([0], [3], [3])
    assert loss(in_batch=True)(ROWS, at, NAMES).item() == 0


def test_options_out_of_range_are_refused() -> None:
    with pytest.raises(ValueError, match="temperature must be > 0, found 0"):
        loss(temperature=0)
    with pytest.raises(ValueError, match="n_negatives must be >= 1, or >= 0 with in_batch, found 0"):
        loss(n_negatives=0)


@pytest.mark.parametrize("options", [{}, {"normalize": False}, {"n_negatives": 3}, {"temperature": 0.01}], ids=str)
@pytest.mark.parametrize("scale", [1e-3, 1.0, 1e3])
def test_the_closed_form_is_autograds(options: dict[str, Any], scale: float) -> None:
    """With repeated heads, tails and candidates, a candidate that is the own tail, and heads that are tails of others."""
    generator = torch.Generator().manual_seed(0)
    rows = scale * torch.randn(7, 4, generator=generator, dtype=torch.float64)
    at = triplets([0, 1, 0, 2, 1], [3, 4, 5, 3, 6], [3, 6, 3, 4, 0])
    part = loss(**options)
    leaf = rows.clone().requires_grad_()
    value = part(leaf, at, NAMES)
    (expected,) = torch.autograd.grad(value, leaf)
    gradient = torch.ones_like(rows)  # it is added to what is there
    found = part.closed_form(rows, at, gradient)
    assert found is not None
    torch.testing.assert_close(found, value.detach(), rtol=1e-10, atol=1e-10)
    torch.testing.assert_close(gradient - 1, expected, rtol=1e-8, atol=1e-12)


def test_the_closed_form_leaves_the_tails_of_the_batch_to_autograd() -> None:
    assert loss(in_batch=True).closed_form(ROWS, AT, torch.zeros_like(ROWS)) is None


@pytest.mark.parametrize("wrong", [torch.nan, torch.inf])
@pytest.mark.parametrize("normalize", [True, False])
def test_what_is_not_finite_shows_in_the_loss(wrong: float, normalize: bool) -> None:
    for row in (0, 3, 5):
        rows = ROWS.clone()
        rows[row] = wrong
        found = loss(normalize=normalize).closed_form(rows, AT, torch.zeros_like(rows))
        assert found is not None
        assert found.isnan()


def test_weights_of_pairs_count_in_how_often_a_tail_is_expected() -> None:
    weighted = Relation("t", "user", "item", RELATION.heads.copy(), RELATION.tails.copy(), 3, 4, np.array([1.0, 2.0, 3.0, 2.0]))
    for array in (weighted.heads, weighted.tails):
        array.flags.writeable = False  # as those that come from a Parquet file
    share = SampledSoftmax(tasks_of([weighted])[0], NODES, 2, True, in_batch=True).share
    assert share.tolist() == [0.0, 0.0, 0.0, 1 / 8, 5 / 8, 2 / 8, 0.0]


def test_a_task_without_pairs_is_refused() -> None:
    with pytest.raises(ValueError, match="recommendation: has no pairs to rank"):
        SampledSoftmax(replace(TASK, relation=None), NODES, 2, True)
