from math import exp, log

import pytest
import torch

from pipeline.data.examples import Examples
from pipeline.losses.directau import DirectAU
from tests.losses._batch import NODES, TASK, of


def test_alignment_and_uniformity_by_hand() -> None:
    """Unit heads (1, 0), (0, 1): |h - h'|^2 = 2. Unit tails (1, 0), (-1, 0): |t - t'|^2 = 4. |h - t|^2 = 0 and 2."""
    heads = torch.tensor([[2.0, 0.0], [0.0, 3.0]], dtype=torch.float64)
    tails = torch.tensor([[1.0, 0.0], [-5.0, 0.0]], dtype=torch.float64)
    expected = (0 + 2) / 2 + 0.5 * (log(exp(-2 * 2)) + log(exp(-2 * 4))) / 2
    assert of(DirectAU(TASK, NODES, 2, True, gamma=0.5), heads, tails, heads).item() == pytest.approx(expected)


def test_a_batch_of_one_has_alignment_alone() -> None:
    one = torch.tensor([[3.0, 4.0]])
    assert of(DirectAU(TASK, NODES, 2, True), one, -one, one).item() == pytest.approx(4)


def test_items_are_ranked_by_cosines_and_a_negative_weight_is_refused() -> None:
    loss = DirectAU(TASK, NODES, 2, True)
    torch.testing.assert_close(loss.scoring_vectors(torch.tensor([[3.0, 4.0]])), torch.tensor([[0.6, 0.8]]))
    with pytest.raises(ValueError, match="gamma must be >= 0, found -1"):
        DirectAU(TASK, NODES, 2, True, gamma=-1)


@pytest.mark.parametrize("gamma", [0.0, 0.4, 1.0])
def test_the_closed_form_is_the_loss_and_autograds_gradient(gamma: float) -> None:
    """With nodes that occur several times, on both sides too, and one that no example has."""
    generator = torch.Generator().manual_seed(0)
    rows = torch.randn(9, 4, generator=generator, dtype=torch.float64, requires_grad=True)
    heads, tails = (torch.randint(0, 8, (12,), generator=generator) for _ in range(2))
    examples = Examples({"heads": heads, "tails": tails})
    loss = DirectAU(TASK, NODES, 4, True, gamma=gamma)
    value = loss(rows, examples, torch.arange(9))
    (expected,) = torch.autograd.grad(value, rows)
    found = torch.zeros_like(rows)
    closed = loss.closed_form(rows.detach(), examples, found)
    assert closed is not None
    torch.testing.assert_close(closed, value.detach())
    torch.testing.assert_close(found, expected)


def test_the_closed_form_says_when_a_gradient_is_not_finite() -> None:
    rows = torch.tensor([[1.0, 0.0], [torch.nan, 1.0]])
    examples = Examples({"heads": torch.tensor([0]), "tails": torch.tensor([1])})
    closed = DirectAU(TASK, NODES, 2, True).closed_form(rows, examples, torch.zeros(2, 2))
    assert closed is not None
    assert closed.isnan()
