"""Embeddings as predicted by attributes and friends, against ridge regression fitted once per row."""

from typing import Any

import numpy as np
import pytest
import torch

from pipeline import memory
from pipeline.data.links import describing
from pipeline.data.relation import ITEM, USER
from pipeline.errors import MachineError
from pipeline.solvers._attributes import Predictor
from pipeline.solvers.ials import IALS
from tests.solvers._by_hand import DOUBLE, OPTIONS, Floats, dense, half_step, random_tasks
from tests.toy import relation


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


def test_a_type_that_nothing_describes_has_a_larger_penalty() -> None:
    tasks = random_tasks()[:1]
    described = IALS(tasks, 0, DOUBLE, user_attributes=1.0, **OPTIONS)
    assert described.remarks == ("nothing describes a user: user_attributes predicts zeros",)
    plain = IALS(tasks, 0, DOUBLE, **{**OPTIONS, "regularization": 0.04})
    described.solve(USER, torch.ones(2, 9))
    plain.solve(USER, torch.ones(1, 9))
    torch.testing.assert_close(described.of(USER), plain.of(USER))
