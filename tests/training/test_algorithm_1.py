"""The paper's training written from its pseudo-code, on dense gradients by autograd, against the engine."""

from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from pipeline.data.examples import HEADS, NEGATIVES, TAILS, TARGETS, Examples
from pipeline.data.relation import ITEM, USER, Relation
from pipeline.data.split import Split
from pipeline.data.task_data import TaskData
from pipeline.seeding import numpy_generator
from pipeline.tasks.base import Draw
from pipeline.training.components import Components, build
from pipeline.training.loop import train_epochs
from pipeline.training.validation import Validation
from tests.toy import interactions, relation

N_USERS, N_ITEMS, DIM, BATCH, EPOCHS = 12, 9, 4, 8, 5
SETTINGS: dict[str, Any] = {"lr": 0.05, "weight_decay": 1e-2}
ALPHA = 1.1


def data() -> tuple[Split, list[TaskData]]:
    """80 interactions with ratings, of which every epoch makes ten batches; some users have friends."""
    rng = numpy_generator(0, "algorithm 1")
    pairs = [(pair // N_ITEMS, pair % N_ITEMS) for pair in rng.permutation(N_USERS * N_ITEMS)[:90].tolist()]
    train, valid, test = pairs[:80], pairs[80:85], pairs[85:]
    split = Split(interactions(train), interactions(valid), interactions(test), N_USERS, N_ITEMS)
    ratings = rng.integers(1, 6, len(train)).astype(float)
    plain = split.train_relation()
    rated = Relation("recommendation", USER, ITEM, plain.heads, plain.tails, N_USERS, N_ITEMS, values={"rating": ratings})
    friends = relation("social", USER, USER, [(0, 1), (1, 0), (2, 5), (5, 2), (2, 7), (7, 2)], N_USERS, N_USERS)
    return split, [
        TaskData("recommendation", "recommendation", rated),
        TaskData("alignment_uniformity", "alignment_uniformity", rated),
        TaskData("rating", "rating", rated),
        TaskData("social", "social", friends),
    ]


def components(tasks: list[TaskData], tau: float) -> Components:
    made = build(
        tasks,
        0,
        torch.device("cpu"),
        dim=DIM,
        encoder=("mf", {"init": "xavier_uniform"}),
        rule=("pmtrec", {"alpha": ALPHA, "tau": tau}),
        loss=("bpr", {}),
        task_losses={"social": ("bce", {})},
        from_batch=[task.name for task in tasks[1:]],
    )
    made.encoder.double()
    return made


def losses_of(e: Tensor, examples: list[Examples]) -> list[Tensor]:
    """The losses as the papers write them, of the whole table."""
    main, pairs, rated, social = examples
    margins = (e[main[HEADS]] * (e[main[TAILS]] - e[main[NEGATIVES]])).sum(1)
    heads, tails = (functional.normalize(e[pairs[side]], dim=1) for side in (HEADS, TAILS))

    def uniformity(x: Tensor) -> Tensor:
        return torch.pdist(x).square().mul(-2).exp().mean().log()

    linked, not_linked = ((e[social[HEADS]] * e[social[side]]).sum(1) for side in (TAILS, NEGATIVES))
    return [
        -torch.sigmoid(margins).log().mean(),
        (heads - tails).square().sum(1).mean() + (uniformity(heads) + uniformity(tails)) / 2,
        ((e[rated[HEADS]] * e[rated[TAILS]]).sum(1) - rated[TARGETS]).square().mean(),
        -(torch.sigmoid(linked).log() + (1 - torch.sigmoid(not_linked)).log()).mean(),
    ]


@pytest.mark.parametrize("tau", [10.0, 1e-1, 1e-3])
def test_fifty_steps_of_the_engine_are_those_of_the_pseudo_code(tau: float) -> None:
    split, tasks = data()
    engine = components(tasks, tau)
    weight = engine.encoder.get_parameter("weight")
    e = weight.detach().clone().requires_grad_()
    epochs = train_epochs(
        engine.encoder,
        engine.combiner,
        engine.tasks,
        Validation(split),
        optimizer="dense_adam",
        batch_size=BATCH,
        epochs=EPOCHS,
        patience=EPOCHS,
        seed=0,
        **SETTINGS,
    )
    tables = [weight.detach().clone() for _ in epochs]

    adam = torch.optim.Adam([e], **SETTINGS)
    for s in range(1, EPOCHS + 1):
        main = engine.tasks[0].sampler.epoch(Draw(s, 80, batch_size=BATCH))
        samples = [main, *(task.sampler.epoch(Draw(s, 80, main, batch_size=BATCH)) for task in engine.tasks[1:])]
        for start in range(0, 80, BATCH):
            examples = [task.step(of, start, start + BATCH) for task, of in zip(engine.tasks, samples, strict=True)]
            g = torch.stack([torch.autograd.grad(loss, e)[0] for loss in losses_of(e, examples)])
            n = g.norm(dim=2)
            n[0] = n[0] * ALPHA**s
            w = torch.softmax(n / tau, dim=0)
            e.grad = (w.unsqueeze(2) * g).sum(0)
            adam.step()
        torch.testing.assert_close(tables[s - 1], e.detach(), rtol=0, atol=1e-10)
    assert len(tables) == EPOCHS


def test_every_side_task_is_about_the_batch() -> None:
    """Of every step: the users of the social task and both ends of the pairs are in the main task's batch."""
    _, tasks = data()
    engine = components(tasks, 1.0)
    main = engine.tasks[0].sampler.epoch(Draw(1, 80, batch_size=BATCH))
    pairs, rated, social = (task.sampler.epoch(Draw(1, 80, main, batch_size=BATCH)) for task in engine.tasks[1:])
    relation_of = tasks[0].relation
    assert relation_of is not None
    stars = {
        (user, N_USERS + item): rating
        for user, item, rating in zip(relation_of.heads, relation_of.tails, relation_of.values["rating"], strict=True)
    }
    with_friends = {0, 1, 2, 5, 7}
    for start in range(0, 80, BATCH):
        part = slice(start, start + BATCH)
        users = main[HEADS][part].tolist()
        for of in (pairs, rated):
            assert of[HEADS][part].tolist() == users
            assert of[TAILS][part].tolist() == main[TAILS][part].tolist()
        found = list(zip(users, main[TAILS][part].tolist(), rated[TARGETS][part].tolist(), strict=True))
        assert all(stars[user, item] == rating for user, item, rating in found)
        asked = social[HEADS][part].tolist()
        assert all(one == two for one, two in zip(asked, users, strict=True) if two in with_friends)
        if with_friends & set(users):
            assert set(asked) <= with_friends & set(users)
        else:
            assert set(asked) <= with_friends
