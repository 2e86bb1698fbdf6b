from math import exp, log

import pytest
import torch

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
