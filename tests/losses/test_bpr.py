from math import exp, log

import torch

from pipeline.losses.bpr import BPR
from tests.losses._batch import NODES, TASK, of
from tests.toy import triplets


def test_mean_of_minus_log_sigmoid_of_the_margin() -> None:
    """First triplet: <h, t> - <h, n> = 2 - 1 = 1; second: 0 - 3 = -3. -ln sigmoid(x) = ln(1 + e^-x)."""
    heads = torch.tensor([[1.0, 1.0], [1.0, 0.0]], dtype=torch.float64)
    tails = torch.tensor([[1.0, 1.0], [0.0, 5.0]], dtype=torch.float64)
    negatives = torch.tensor([[0.0, 1.0], [3.0, 7.0]], dtype=torch.float64)
    expected = (log(1 + exp(-1)) + log(1 + exp(3))) / 2
    found = of(BPR(TASK, NODES, 2, True), heads, tails, negatives)
    torch.testing.assert_close(found, torch.tensor(expected, dtype=torch.float64))


def test_a_huge_margin_does_not_overflow() -> None:
    one, loss = torch.tensor([[1e4]]), BPR(TASK, NODES, 1, True)
    assert of(loss, one, -one, one).item() == 2e8
    gradient = torch.zeros(2, 1)
    positions = triplets([0], [1], [0])
    assert loss.closed_form(torch.tensor([[1e4], [-1e4]]), positions, gradient) == 2e8
    assert gradient.isfinite().all()


def test_a_relation_vector_scales_the_heads_of_side_tasks_alone() -> None:
    """R = (2, 0): the margin is 2 * 1 * (1 - 0) + 0 = 2."""
    heads, tails, negatives = torch.tensor([[1.0, 1.0]]), torch.tensor([[1.0, 5.0]]), torch.tensor([[0.0, 0.0]])
    side, main = (BPR(TASK, NODES, 2, is_main, relation_vector=True) for is_main in (False, True))
    assert main.relation is None
    assert side.relation is not None
    with torch.no_grad():
        side.relation.copy_(torch.tensor([2.0, 0.0]))
    torch.testing.assert_close(of(side, heads, tails, negatives).detach(), torch.tensor(log(1 + exp(-2))))


def test_a_sum_is_the_mean_times_the_batch_in_loss_and_gradient() -> None:
    generator = torch.Generator().manual_seed(0)
    rows = torch.randn(6, 3, generator=generator, dtype=torch.float64)
    examples = triplets([0, 1, 2], [3, 3, 4], [5, 4, 5])
    found = {}
    for reduction in ("mean", "sum"):
        gradient, loss = torch.zeros_like(rows), BPR(TASK, NODES, 3, True, reduction=reduction)
        found[reduction] = (torch.as_tensor(loss.closed_form(rows, examples, gradient)), gradient)
        leaf = rows.clone().requires_grad_()
        value = loss(leaf, examples, torch.arange(6))
        value.backward()
        torch.testing.assert_close(found[reduction][1], leaf.grad)
    for mean, total in zip(found["mean"], found["sum"], strict=True):
        torch.testing.assert_close(3 * mean, total)
