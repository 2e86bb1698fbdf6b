import torch

from pipeline.combiners.single_task import SingleTask
from tests.combiners._rows import combine, row_gradients


def test_single_task_is_the_gradient_of_the_main_task() -> None:
    gradients = row_gradients([[[1.0, 2.0]], [[3.0, 4.0]]])
    combined = combine("single_task", gradients)
    torch.testing.assert_close(combined.values, torch.tensor([[1.0, 2.0]], dtype=torch.float64))
    assert combined.weights is not None
    assert combined.weights.tolist() == [[1.0], [0.0]]


def test_needs_no_side_tasks() -> None:
    assert not SingleTask.uses_side_tasks
