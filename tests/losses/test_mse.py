"""Squared errors by hand: pairs (0, 0) rated 5 and (1, 0) rated 2, of two heads and a tail."""

from typing import Any

import numpy as np
import pytest
import torch

from pipeline.data.examples import HEADS, TAILS, TARGETS, Examples
from pipeline.data.relation import ITEM, USER, NodeTypes, Relation
from pipeline.data.task_data import TaskData
from pipeline.losses.mse import MSE

RELATION = Relation("rating", USER, ITEM, np.array([0, 1]), np.array([0, 0]), 2, 1, values={"rating": np.array([5.0, 2.0])})
NODES = NodeTypes.of([RELATION])
ROWS = torch.tensor([[1.0, 2.0], [0.0, 1.0], [1.0, 1.0]])  # <h, t> = 3 and 1
BATCH = Examples({HEADS: torch.tensor([0, 1]), TAILS: torch.tensor([2, 2])}, {TARGETS: torch.tensor([5.0, 2.0])})


def value(**options: Any) -> float:
    loss = MSE(TaskData("rating", "rating", RELATION), NODES, 2, False, **options)
    if loss.bias is not None:
        with torch.no_grad():
            loss.bias.copy_(torch.tensor([0.5, -1.0, 0.25]))
    return float(loss(ROWS, BATCH, torch.arange(3)).detach())


@pytest.mark.parametrize(
    ("bias", "errors"),
    [
        ("none", [5 - 3, 2 - 1]),
        ("mean", [5 - 3 - 3.5, 2 - 1 - 3.5]),  # the mean rating is 3.5
        ("full", [5 - 3 - 3.5 - 0.5 - 0.25, 2 - 1 - 3.5 + 1 - 0.25]),
    ],
)
def test_squared_errors(bias: str, errors: list[float]) -> None:
    squares = [error**2 for error in errors]
    assert value(bias=bias) == pytest.approx(sum(squares) / 2)
    assert value(bias=bias, reduction="sum") == pytest.approx(sum(squares))


def test_only_a_full_bias_has_parameters_one_for_every_node() -> None:
    sizes = {}
    for bias in ("none", "mean", "full"):
        loss = MSE(TaskData("rating", "rating", RELATION), NODES, 2, False, bias=bias)
        sizes[bias] = [tuple(parameter.shape) for parameter in loss.parameters()]
    assert sizes == {"none": [], "mean": [], "full": [(3,)]}
