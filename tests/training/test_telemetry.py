from math import sqrt

import pytest
import torch

from pipeline.combiners.base import Combined, RowGradients
from pipeline.data.relation import NodeTypes
from pipeline.training.telemetry import Telemetry

NODES = NodeTypes({"user": 6, "item": 2, "tag": 1})
HISTORY = torch.tensor([1, 1, 5, 5, 9, 9])  # thirds: users 0-1, 2-3, 4-5


def gradients() -> RowGradients:
    """User 0 and user 4 by both tasks, user 2 by the main task alone, item 0 and the tag by the side task alone."""
    rows = torch.tensor([0, 2, 4, 6, 8])
    main = [[1.0, 0.0], [1.0, 0.0], [1.0, 0.0], [0.0, 0.0], [0.0, 0.0]]
    side = [[1.0, 1.0], [0.0, 0.0], [-2.0, 0.0], [1.0, 0.0], [1.0, 0.0]]
    present = torch.tensor([[True, True, True, False, False], [True, False, True, True, True]])
    return RowGradients(rows, torch.tensor([0, 0, 0, 1, 2]), torch.tensor([main, side]), present)


WEIGHTS = torch.tensor([[0.5, 1.0, 2.0, 0.0, 0.0], [1.5, 0.0, 0.0, 1.0, 0.2]])


def telemetry() -> Telemetry:
    return Telemetry(["recommendation", "social"], NODES, HISTORY, torch.device("cpu"))


def test_weights_and_cosines_by_slice() -> None:
    seen = telemetry()
    seen.observe(0, gradients(), Combined(torch.zeros(5, 2), WEIGHTS))
    assert seen.end_epoch() == pytest.approx(
        {
            "train/weight/recommendation": (0.5 + 1.0 + 2.0) / 3,
            "train/weight/recommendation/short": 0.5,
            "train/weight/recommendation/medium": 1.0,
            "train/weight/recommendation/long": 2.0,
            "train/weight/social": (1.5 + 0.0 + 1.0 + 0.2) / 4,
            "train/weight/social/short": 1.5,
            "train/weight/social/long": 0.0,
            "train/weight/social/item": 1.0,
            "train/weight/social/tag": 0.2,
            "train/cosine/social/short": 1 / sqrt(2),
            "train/cosine/social/long": -1.0,
        }
    )


def test_every_eighth_step_counts_and_an_epoch_starts_anew() -> None:
    seen = telemetry()
    for step in range(9):  # only 0 and 8 count
        seen.observe(step, gradients(), Combined(torch.zeros(5, 2), WEIGHTS * (1 if step in (0, 8) else 100)))
    assert seen.end_epoch()["train/weight/social/short"] == pytest.approx(1.5)
    assert seen.end_epoch() == {}


def test_a_rule_without_weights_has_cosines_alone() -> None:
    seen = telemetry()
    seen.observe(0, gradients(), Combined(torch.zeros(5, 2), None))
    assert {name.split("/")[1] for name in seen.end_epoch()} == {"cosine"}


def test_equal_histories_are_in_one_slice() -> None:
    seen = Telemetry(["recommendation", "social"], NODES, torch.full((6,), 3), torch.device("cpu"))
    seen.observe(0, gradients(), Combined(torch.zeros(5, 2), WEIGHTS))
    found = seen.end_epoch()
    assert "train/weight/social/short" in found
    assert "train/weight/social/long" not in found
