from math import exp, log

import torch

from pipeline.losses.bpr import BPR


def test_mean_of_minus_log_sigmoid_of_the_margin() -> None:
    """First triplet: <h, t> - <h, n> = 2 - 1 = 1; second: 0 - 3 = -3. -ln sigmoid(x) = ln(1 + e^-x)."""
    heads = torch.tensor([[1.0, 1.0], [1.0, 0.0]], dtype=torch.float64)
    tails = torch.tensor([[1.0, 1.0], [0.0, 5.0]], dtype=torch.float64)
    negatives = torch.tensor([[0.0, 1.0], [3.0, 7.0]], dtype=torch.float64)
    expected = (log(1 + exp(-1)) + log(1 + exp(3))) / 2
    torch.testing.assert_close(BPR()(heads, tails, negatives), torch.tensor(expected, dtype=torch.float64))


def test_a_huge_margin_does_not_overflow() -> None:
    one = torch.tensor([[1e4]])
    assert BPR()(one, -one, one).item() == 2e8
