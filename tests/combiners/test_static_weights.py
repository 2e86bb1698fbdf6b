import pytest
import torch

from pipeline.combiners.static_weights import StaticWeights
from tests.combiners._rows import TABLES, row_gradients, step


def test_static_weights_are_those_of_the_task_or_of_all_side_tasks() -> None:
    """2 * 1 + 0.5 * 3 + 0.25 * 4."""
    rule = StaticWeights(["main", "social", "tag"], TABLES, main=2.0, side=0.25, by_task={"social": 0.5, "elsewhere": 9.0})
    combined = rule(row_gradients([[[1.0]], [[3.0]], [[4.0]]]), step())
    assert combined.values.tolist() == [[2 * 1 + 0.5 * 3 + 0.25 * 4]]


def test_negative_weights_are_refused() -> None:
    with pytest.raises(ValueError, match=r"by_task.social must be >= 0, found -1"):
        StaticWeights(["main"], TABLES, by_task={"social": -1.0})


def test_weights_keep_the_type_of_the_gradients() -> None:
    rule = StaticWeights(["main", "social"], TABLES)
    assert rule(row_gradients([[[1.0]], [[3.0]]]), step()).values.dtype == torch.float64
