from math import exp, log

import torch

from pipeline.losses.bce import BCE
from tests.losses._batch import NODES, TASK, of


def test_a_link_and_none_by_hand() -> None:
    """<h, t> = 2 and <h, n> = -1; then 0 and 3. -ln sigmoid(x) = ln(1 + e^-x), and of the negative -ln sigmoid(-x)."""
    heads = torch.tensor([[1.0, 1.0], [0.0, 3.0]], dtype=torch.float64)
    tails = torch.tensor([[2.0, 0.0], [5.0, 0.0]], dtype=torch.float64)
    negatives = torch.tensor([[0.0, -1.0], [0.0, 1.0]], dtype=torch.float64)
    each = [log(1 + exp(-2)) + log(1 + exp(-1)), log(1 + 1) + log(1 + exp(3))]
    for loss, expected in (
        (BCE(TASK, NODES, 2, False), sum(each) / 2),
        (BCE(TASK, NODES, 2, False, reduction="sum"), sum(each)),
    ):
        torch.testing.assert_close(of(loss, heads, tails, negatives), torch.tensor(expected, dtype=torch.float64))


def test_a_huge_score_does_not_overflow() -> None:
    one = torch.tensor([[1e4]])
    assert of(BCE(TASK, NODES, 1, False), one, -one, one).item() == 2e8
