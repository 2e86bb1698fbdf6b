"""The exact solver against normal equations written by hand, entry by entry, in numpy."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch

from pipeline import memory, plugins
from pipeline.combiners.base import Combiner
from pipeline.data.links import describing
from pipeline.data.relation import ITEM, USER
from pipeline.errors import DivergedError, MachineError
from pipeline.kernels import compiling
from pipeline.solvers._attributes import Predictor
from pipeline.solvers.base import Machine
from pipeline.solvers.ials import IALS
from pipeline.training.learning import learn_exactly
from pipeline.training.sweeps import train_sweeps
from pipeline.training.validation import Validation
from tests.combiners._rows import RULES
from tests.toy import checkerboard, relation, tasks_of

Floats = npt.NDArray[np.float64]
DOUBLE = Machine(dtype=torch.float64)
OPTIONS: dict[str, Any] = {"dim": 5, "unobserved_weight": 0.3, "regularization": 0.02}


def random_tasks(n_users: int = 9, n_items: int = 7, n_tags: int = 4) -> Any:
    """Interactions, tags of items, friends of users; some users and items have none of one or the other."""
    generator = np.random.default_rng(0)

    def pairs(n_heads: int, n_tails: int, n: int) -> list[tuple[int, int]]:
        heads, tails = generator.integers(0, n_heads, n), generator.integers(0, n_tails, n)
        return list(zip(heads.tolist(), tails.tolist(), strict=True))

    return tasks_of(
        [
            relation("recommendation", USER, ITEM, pairs(n_users - 1, n_items - 1, 25), n_users, n_items),
            relation("category", ITEM, "tag", pairs(n_items, n_tags, 12), n_items, n_tags),
            relation("social", USER, USER, pairs(n_users, n_users, 15), n_users, n_users),
        ]
    )


def dense(of: Any) -> Floats:
    matrix = np.zeros((of.n_heads, of.n_tails))
    matrix[of.heads, of.tails] = 1
    return matrix


def half_step(
    linked: list[tuple[Floats, Floats, Floats]], a: float, l2: float, exponent: float
) -> tuple[Floats, list[Floats], list[Floats]]:
    """Rows solved one by one from (observed ``[n, m]``, table of the other end ``[m, d]``, weights ``[n]``) per relation."""
    n, d = linked[0][0].shape[0], linked[0][1].shape[1]
    solved = np.zeros((n, d))
    matrices, rights = [], []
    for row in range(n):
        matrix, right = np.zeros((d, d)), np.zeros(d)
        for observed, table, weights in linked:
            confidence = observed[row] + a
            penalty = l2 * (observed[row].sum() + a * len(table)) ** exponent
            matrix += weights[row] * ((table.T * confidence) @ table + penalty * np.eye(d))
            right += weights[row] * table.T @ observed[row]
        matrices.append(matrix)
        rights.append(right)
        solved[row] = np.linalg.solve(matrix, right)
    return solved, matrices, rights


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


def test_the_strength_of_predictions_is_scaled_by_history_or_the_same_for_all_with_the_same_mean() -> None:
    tasks = random_tasks()
    settings: dict[str, Any] = {**OPTIONS, "factorise": False, "item_attributes": 2.0}
    scaled = IALS(tasks, 0, DOUBLE, **settings)
    alike = IALS(tasks, 0, DOUBLE, attribute_exponent=0.0, **settings)
    again = IALS(tasks, 0, DOUBLE, attribute_exponent=1.0, **settings)
    row = torch.ones(7, 5, dtype=torch.float64)
    strengths = []
    for solver in (scaled, alike, again):
        solver.table[:] = 0
        solver.of(ITEM)[:] = row
        values, _ = solver.gradients(ITEM)
        off = row - Predictor(ITEM, [tasks[1].relation], 7, 0.5, DOUBLE)(row)
        strengths.append(values[1, :, 0] / off[:, 0])
    torch.testing.assert_close(strengths[0], strengths[2])
    torch.testing.assert_close(strengths[0].mean(), strengths[1].mean())
    torch.testing.assert_close(strengths[1], strengths[1].mean().expand(7))
    counts = torch.from_numpy(dense(tasks[0].relation).sum(0))
    torch.testing.assert_close(strengths[0], 2.0 * 0.02 * (counts + 0.3 * 9))


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


def leave_one_out(features: Floats, targets: Floats, ridge: float) -> Floats:
    """Ridge regression in the dual, fitted once for every row without it."""
    inner = features @ features.T
    found = np.zeros_like(targets)
    for row in range(len(targets)):
        rest = np.delete(np.arange(len(targets)), row)
        matrix = inner[np.ix_(rest, rest)] + ridge * np.eye(len(rest))
        found[row] = inner[row, rest] @ np.linalg.solve(matrix, targets[rest])
    return found


def test_what_links_predict_is_ridge_regression_without_the_row_itself() -> None:
    tasks = random_tasks()
    tagged, friends = (dense(task.relation) for task in tasks[1:])
    targets = np.random.default_rng(1).normal(size=(9, 2))
    both_ways = np.minimum(friends + friends.T + np.eye(9), 1)
    for relation_of, links in ((tasks[1].relation, tagged), (tasks[2].relation, both_ways)):
        features = links * np.log1p(len(links) / np.maximum(links.sum(0), 1))
        features /= np.maximum(np.linalg.norm(features, axis=1, keepdims=True), 1e-12)
        kind = relation_of.head_type
        predict = Predictor(kind, [relation_of], len(links), 0.3, DOUBLE)
        expected = leave_one_out(features, targets[: len(links)], 0.3)
        np.testing.assert_allclose(predict(torch.from_numpy(targets[: len(links)])).numpy(), expected, atol=1e-10)


def test_predicted_rows_are_solved_with_what_is_predicted_before() -> None:
    tasks = random_tasks()
    taken = dense(tasks[0].relation)
    solver = IALS(tasks, 0, DOUBLE, factorise=False, item_attributes=2.0, user_attributes=0.5, attribute_ridge=0.3, **OPTIONS)
    assert list(solver.tasks) == ["recommendation", "user_attributes", "item_attributes"]
    for kind, observed, other, side in ((USER, taken, ITEM, 0.5), (ITEM, taken.T, USER, 2.0)):
        relation_of = tasks[2 if kind == USER else 1].relation
        before, table = solver.of(kind).numpy().copy(), solver.of(other).numpy().copy()
        predicted = Predictor(kind, [relation_of], len(before), 0.3, DOUBLE)(solver.of(kind)).numpy()
        weights = torch.rand(3, len(before), generator=torch.Generator().manual_seed(2), dtype=torch.float64)
        solver.solve(kind, weights)
        task = solver.tasks.index(f"{kind}_attributes")
        _, matrices, rights = half_step([(observed, table, weights[0].numpy())], 0.3, 0.02, 1.0)
        for row in range(len(before)):
            strength = float(weights[task, row]) * side * 0.02 * (observed[row].sum() + 0.3 * len(table))
            matrix, right = matrices[row] + strength * np.eye(5), rights[row] + strength * predicted[row]
            np.testing.assert_allclose(solver.of(kind)[row].numpy(), np.linalg.solve(matrix, right), atol=1e-10)


def test_a_relation_that_says_nothing_of_users_or_items_predicts_nothing() -> None:
    tasks = random_tasks()
    assert [r.name for r in describing(USER, [t.relation for t in tasks])] == ["social"]
    assert [r.name for r in describing(ITEM, [t.relation for t in tasks])] == ["category"]


def test_too_many_nodes_to_predict_are_refused_before_the_matrix_is_made(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "free_memory", lambda: 2.0**20)
    big = relation("category", ITEM, "tag", [(node, node) for node in range(2000)], 2000, 2000)
    expected = "item_attributes: predicting 2,000 nodes with 2,000 different links needs about 0.1 GiB"
    with pytest.raises(MachineError, match=expected):
        Predictor(ITEM, [big], 2000, 1.0, DOUBLE)
    few = relation("category", ITEM, "tag", [(node, node % 3) for node in range(2000)], 2000, 3)
    assert Predictor(ITEM, [few], 2000, 1.0, DOUBLE)(torch.ones(2000, 1, dtype=torch.float64)).isfinite().all()


def test_pairs_of_users_and_items_in_another_task_do_not_count_twice() -> None:
    tasks = random_tasks()[:1]
    again = [*tasks, *tasks_of([relation("rating", USER, ITEM, [(0, 0)], 9, 7)])]
    assert list(IALS(again, 0, DOUBLE).tasks) == ["recommendation"]


def test_a_type_that_nothing_describes_has_a_larger_penalty() -> None:
    tasks = random_tasks()[:1]
    described = IALS(tasks, 0, DOUBLE, user_attributes=1.0, **OPTIONS)
    assert described.remarks == ("nothing describes a user: user_attributes predicts zeros",)
    plain = IALS(tasks, 0, DOUBLE, **{**OPTIONS, "regularization": 0.04})
    described.solve(USER, torch.ones(2, 9))
    plain.solve(USER, torch.ones(1, 9))
    torch.testing.assert_close(described.of(USER), plain.of(USER))
