import torch

from pipeline.combiners.equal_weights import EqualWeights
from tests.combiners._rows import row_gradients


def test_is_the_sum_over_tasks() -> None:
    gradients = row_gradients([[[1.0, 2.0]], [[3.0, 4.0]], [[-1.0, 0.5]]])
    combined = EqualWeights()(gradients, progress=0.5)
    torch.testing.assert_close(combined.values, torch.tensor([[1.0 + 3 - 1, 2.0 + 4 + 0.5]], dtype=torch.float64))
