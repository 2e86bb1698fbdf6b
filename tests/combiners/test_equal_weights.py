import torch

from tests.combiners._rows import combine, row_gradients


def test_equal_weights_is_the_sum_over_tasks() -> None:
    gradients = row_gradients([[[1.0, 2.0]], [[3.0, 4.0]], [[-1.0, 0.5]]])
    combined = combine("equal_weights", gradients)
    torch.testing.assert_close(combined.values, torch.tensor([[1.0 + 3 - 1, 2.0 + 4 + 0.5]], dtype=torch.float64))
