"""How the candidates of hard negatives are scored."""

from typing import Any

import pytest
import torch

from pipeline.data.examples import Examples
from pipeline.data.relation import ITEM, USER, NodeTypes
from pipeline.tasks._triplets import TripletSampler
from pipeline.tasks.base import Draw
from pipeline.training.components import build
from pipeline.training.loop import _samples, _score
from tests.toy import relation, tasks_of
from tests.training.test_loop import two_relations


def test_hard_negatives_are_the_tails_that_the_loss_ranks_high_and_not_the_long_ones() -> None:
    """Item 1 is twice as long as item 0, but not in the direction of the user: cosines 1 and .6, inner products 1 and 1.2."""
    links = relation("recommendation", "user", "item", [(0, 0), (0, 1)], 1, 2)
    names: dict[str, Any] = {"encoder": ("mf", {}), "loss": ("sampled_softmax", {}), "rule": ("pmtrec", {})}
    components = build(tasks_of([links]), 0, torch.device("cpu"), dim=2, **names)
    with torch.no_grad():
        components.encoder.get_parameter("weight").copy_(torch.tensor([[1.0, 0.0], [1.0, 0.0], [1.2, 1.6]]))
    scores = _score(components.encoder, components.tasks[0], torch.tensor([0, 0]), torch.tensor([0, 1]))
    torch.testing.assert_close(scores, torch.tensor([1.0, 0.6]))


def test_hard_negatives_are_scored_over_all_links_even_where_training_drops_some() -> None:
    relations = two_relations()
    names: dict[str, Any] = {"encoder": ("lightgcn", {"dropout": 0.5}), "loss": ("bpr", {}), "rule": ("pmtrec", {})}
    components = build(tasks_of(relations), 0, torch.device("cpu"), dim=8, **names)
    heads = tails = torch.arange(16)
    components.encoder.train()
    first, second = (_score(components.encoder, components.tasks[0], heads, tails) for _ in range(2))
    whole = components.encoder.eval()()
    assert torch.equal(first, second)
    torch.testing.assert_close(first, (whole.users[heads] * whole.items[tails]).sum(dim=1).detach())


@pytest.mark.parametrize("number", [0, 1])
def test_a_training_scores_the_candidates_of_every_task(number: int) -> None:
    names: dict[str, Any] = {"encoder": ("mf", {}), "loss": ("bpr", {}), "rule": ("equal_weights", {}), "negatives": "hard"}
    made = build(tasks_of(two_relations()), 0, torch.device("cpu"), dim=8, **names)
    scored: list[Any] = []
    epoch = made.tasks[number].sampler.epoch

    def listening(draw: Draw) -> Examples:
        assert draw.score is not None
        scored.append(draw.score(torch.tensor([0]), torch.tensor([1])))
        return epoch(draw)

    made.tasks[number].sampler.epoch = listening  # type: ignore[method-assign]
    _samples(made.tasks, 1, 10, 5, made.encoder)
    heads, tails = (made.encoder().table(kind) for kind in ((USER, ITEM), (USER, USER))[number])
    torch.testing.assert_close(scored[0], heads[:1].mul(tails[1:2]).sum(dim=1).detach())


def test_hard_negatives_without_scores_are_refused() -> None:
    links = tasks_of(two_relations())[0]
    sampler = TripletSampler(links, NodeTypes({USER: 16, ITEM: 16}), seed=0, negatives="hard")
    with pytest.raises(ValueError, match="recommendation: hard negatives need scores"):
        sampler.epoch(Draw(1, 5))
