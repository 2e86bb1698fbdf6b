"""The exact solver against normal equations written by hand, entry by entry, in numpy."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
import torch

from pipeline import plugins
from pipeline.combiners.base import Combiner
from pipeline.data.relation import ITEM, USER
from pipeline.errors import DivergedError, InputError
from pipeline.kernels import compiling
from pipeline.solvers.base import Machine, Solver
from pipeline.solvers.ials import IALS
from pipeline.training.learning import learn_exactly
from pipeline.training.sweeps import train_sweeps
from pipeline.training.validation import Validation
from tests.combiners._rows import RULES
from tests.solvers._by_hand import DOUBLE, OPTIONS, dense, half_step, random_tasks
from tests.toy import checkerboard, relation, tasks_of


@pytest.fixture(params=["compiled", "batched"])
def _either_way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """The compiled loops, and the batches of matrices that a GPU solves."""
    if request.param == "batched":
        monkeypatch.setattr(compiling, "numba", None)


@pytest.mark.parametrize("exponent", [0.0, 0.5, 1.0])
@pytest.mark.usefixtures("_either_way")
def test_of_one_task_it_is_ials(exponent: float) -> None:
    tasks = random_tasks()[:1]
    observed = dense(tasks[0].relation)
    solver = IALS(tasks, 0, DOUBLE, exponent=exponent, **OPTIONS)
    users, items = (solver.of(kind).numpy().copy() for kind in (USER, ITEM))
    for _ in range(3):
        for kind in (USER, ITEM):
            solver.solve(kind, torch.ones(1, solver.nodes.sizes[kind]))
        users = half_step([(observed, items, np.ones(9))], 0.3, 0.02, exponent)[0]
        items = half_step([(observed.T, users, np.ones(7))], 0.3, 0.02, exponent)[0]
    np.testing.assert_allclose(solver.of(USER).numpy(), users, atol=1e-8)
    np.testing.assert_allclose(solver.of(ITEM).numpy(), items, atol=1e-8)


@pytest.mark.usefixtures("_either_way")
def test_of_equal_weights_it_is_collective_matrix_factorisation_and_of_any_weights_what_they_say() -> None:
    tasks = random_tasks()
    taken, tagged, friends = (dense(task.relation) for task in tasks)
    generator = torch.Generator().manual_seed(0)
    for equal in (True, False):
        solver = IALS(tasks, 0, DOUBLE, **OPTIONS)
        tables = {kind: solver.of(kind).numpy().copy() for kind in solver.nodes.sizes}
        linked = {
            USER: [(0, taken, ITEM), (2, friends, "social context")],
            ITEM: [(0, taken.T, USER), (1, tagged, "tag")],
            "tag": [(1, tagged.T, ITEM)],
            "social context": [(2, friends.T, USER)],
        }
        for _ in range(3):
            for kind, sides in linked.items():
                drawn = torch.rand(3, solver.nodes.sizes[kind], generator=generator, dtype=torch.float64)
                weights = torch.ones_like(drawn) if equal else drawn
                solver.solve(kind, weights)
                by_hand = [(observed, tables[other], weights[task].numpy()) for task, observed, other in sides]
                tables[kind] = half_step(by_hand, 0.3, 0.02, 1.0)[0]
        for kind, table in tables.items():
            np.testing.assert_allclose(solver.of(kind).numpy(), table, atol=1e-8)


@pytest.mark.usefixtures("_either_way")
def test_gradients_are_half_those_of_the_losses_and_vanish_where_it_has_solved() -> None:
    solver = IALS(random_tasks(), 0, DOUBLE, **OPTIONS)
    solver.table *= 30  # away from the flat place around zero
    leaf = solver.table
    small = 1e-6
    for kind in solver.nodes.sizes:
        values, present = solver.gradients(kind)
        first = solver.nodes.offset(kind)
        assert present.any(dim=1).tolist() == [(values[task] != 0).any().item() for task in range(3)]
        for row in range(0, solver.nodes.sizes[kind], 3):
            for d in range(2):
                leaf[first + row, d] += small
                up = solver.losses()
                leaf[first + row, d] -= 2 * small
                slope = (up - solver.losses()) / (2 * small)
                leaf[first + row, d] += small
                torch.testing.assert_close(2 * values[:, row, d], slope, atol=1e-5, rtol=1e-5)
        weights = torch.rand(3, solver.nodes.sizes[kind], dtype=torch.float64)
        solver.solve(kind, weights)
        after, _ = solver.gradients(kind)
        torch.testing.assert_close((weights.unsqueeze(2) * after).sum(0), torch.zeros_like(after[0]), atol=1e-10, rtol=0)


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float64, 1e-12), (torch.float32, 1e-4)])
@pytest.mark.parametrize("dim", [3, 64, 70, 130])
def test_the_compiled_loops_are_the_batches(dtype: torch.dtype, tolerance: float, dim: int) -> None:
    tasks = random_tasks(40, 30, 5)
    found = []
    for is_compiled in (True, False):
        with pytest.MonkeyPatch.context() as patch:
            if not is_compiled:
                patch.setattr(compiling, "numba", None)
            solver = IALS(tasks, 0, Machine(dtype=dtype), **{**OPTIONS, "dim": dim})
            for kind in (USER, ITEM, "tag", USER):
                solver.solve(kind, torch.ones(3, solver.nodes.sizes[kind]))
            found.append((solver.table, solver.gradients(ITEM)[0]))
    for one, other in zip(*found, strict=True):
        torch.testing.assert_close(one, other, atol=tolerance, rtol=tolerance)


def test_any_number_of_threads_gives_the_same_bits() -> None:
    tables = []
    for threads in (1, 2, 5):
        solver = IALS(random_tasks(300, 200, 5), 0, Machine(threads=threads), **OPTIONS)
        for kind in (USER, ITEM, USER):
            solver.solve(kind, torch.ones(3, solver.nodes.sizes[kind]))
            gradients = solver.gradients(kind)[0]
        tables.append(torch.cat([solver.table.flatten(), gradients.flatten()]))
    assert torch.equal(tables[0], tables[1])
    assert torch.equal(tables[0], tables[2])


def test_each_half_step_lowers_the_sum_of_the_losses() -> None:
    solver = IALS(random_tasks(), 0, DOUBLE, **OPTIONS)
    last = solver.losses().sum()
    for _ in range(4):
        for kind in solver.nodes.sizes:
            solver.solve(kind, torch.ones(3, solver.nodes.sizes[kind]))
            now = solver.losses().sum()
            assert now <= last + 1e-9
            last = now


def test_a_row_without_weight_stays_as_it_is() -> None:
    solver = IALS(random_tasks(), 0, DOUBLE, **OPTIONS)
    before = solver.of(USER).clone()
    weights = torch.ones(3, 9)
    weights[:, 2] = 0
    solver.solve(USER, weights)
    assert torch.equal(solver.of(USER)[2], before[2])
    assert not torch.equal(solver.of(USER)[3], before[3])


def test_pairs_that_are_said_twice_count_once() -> None:
    once = tasks_of([relation("recommendation", USER, ITEM, [(0, 1), (1, 0)], 2, 2)])
    twice = tasks_of([relation("recommendation", USER, ITEM, [(0, 1), (1, 0), (0, 1)], 2, 2)])
    assert torch.equal(IALS(once, 0, DOUBLE).degrees(), IALS(twice, 0, DOUBLE).degrees())


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"dim": 0}, "dim must be in 1..10000, found 0"),
        ({"sweeps": 0}, "sweeps must be in 1.."),
        ({"unobserved_weight": 0.0}, "unobserved_weight must be in 1e-12.."),
        ({"regularization": float("nan")}, "regularization must be in 1e-12"),
        ({"exponent": -1.0}, "exponent must be in 0.."),
    ],
)
def test_options_out_of_range_are_refused(options: Mapping[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        IALS(random_tasks(), 0, DOUBLE, **options)


@pytest.mark.parametrize(("rule", "options"), RULES, ids=str)
def test_every_rule_that_weighs_runs_on_it_and_finds_the_checkerboard(rule: str, options: dict[str, Any]) -> None:
    if not plugins.load("combiners", rule).weighs:
        pytest.skip("gives no weights >= 0")
    split, social = checkerboard()
    tasks = tasks_of([split.train_relation(), social])
    solver = {"dim": 4, "sweeps": 6, "regularization": 0.001, "unobserved_weight": 0.05}
    learned = learn_exactly(tasks, split, 0, lambda _: None, solver=("ials", solver), rule=(rule, options))
    assert learned.best()["valid/ndcg_at_20"] > 0.7  # two items are left to choose from, one of them for the test
    again = learn_exactly(tasks, split, 0, lambda _: None, solver=("ials", solver), rule=(rule, options), threads=2)
    assert all(torch.equal(table, again.tables[kind]) for kind, table in learned.tables.items())


class _Negative(Combiner):
    def forward(self, gradients: Any, step: Any) -> Any:
        from pipeline.combiners.base import weighted_sum

        return weighted_sum(gradients, -gradients.present.to(gradients.values.dtype))


def test_negative_weights_are_refused_in_one_line() -> None:
    split, social = checkerboard()
    solver = IALS(tasks_of([split.train_relation(), social]), 0, Machine(), dim=4)
    rule = _Negative(solver.tasks, solver.nodes.sizes)
    with pytest.raises(DivergedError, match="sweep 1: the rule gives user a weight that is negative or not finite"):
        list(train_sweeps(solver, rule, Validation(split), 0))


def test_pairs_of_users_and_items_in_another_task_do_not_count_twice() -> None:
    tasks = random_tasks()[:1]
    again = [*tasks, *tasks_of([relation("rating", USER, ITEM, [(0, 0)], 9, 7)])]
    assert list(IALS(again, 0, DOUBLE).tasks) == ["recommendation"]


def test_an_earlier_training_gives_the_rows_that_it_has() -> None:
    solver = IALS(random_tasks(), 0, DOUBLE, **OPTIONS)
    before, dim = solver.of(USER).clone(), solver.table.shape[1]
    users = torch.full((9, dim), 2.0, dtype=torch.float64)
    users[3] = torch.nan
    solver.start_from({USER: users, "something else": torch.ones(5, dim)})
    assert (solver.of(USER)[:3] == 2).all()
    assert torch.equal(solver.of(USER)[3], before[3])
    with pytest.raises(InputError, match=r"cannot begin at those of length 3\. Fix: solve with dim 3"):
        solver.start_from({USER: torch.ones(9, 3)})


def test_a_solution_that_is_not_finite_is_refused() -> None:
    solver = IALS(random_tasks(), 0, DOUBLE, **OPTIONS)
    solver.of(ITEM).fill_(torch.inf)
    with pytest.raises(DivergedError, match=r"training: user: the normal equations have no finite solution\. Fix: raise regul"):
        solver.solve(USER, torch.ones(3, 9))


def test_a_solver_that_says_nothing_of_histories_has_no_exact_way() -> None:
    assert Solver.fold_in(IALS(random_tasks(), 0, DOUBLE, **OPTIONS)) is None


def test_what_a_user_should_know_of_the_options_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    split, social = checkerboard()
    options = {"dim": 4, "sweeps": 1, "item_attributes": True}
    with caplog.at_level("INFO"):
        learn_exactly(tasks_of([split.train_relation(), social]), split, 0, lambda _: None, solver=("ials", options))
    assert "nothing describes a item: item_attributes predicts zeros" in caplog.text


def test_what_a_rule_draws_depends_on_the_seed() -> None:
    split, social = checkerboard()
    tasks = tasks_of([split.train_relation(), social])

    def losses(seed: int) -> float:
        solver = IALS(tasks, 0, Machine(), dim=4)
        rule = plugins.load("combiners", "random_weights")(solver.tasks, solver.nodes.sizes)
        return [epoch.losses["social"] for epoch in train_sweeps(solver, rule, Validation(split), seed)][-1]

    assert losses(0) == losses(0) != losses(1)
