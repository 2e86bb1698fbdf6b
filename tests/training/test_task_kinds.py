"""Kinds of tasks that do not rank, as doubles: each trains in the loop as it is, beside the main task.

What a new kind needs is in its double alone: where its examples come from, and its loss.
"""

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from pipeline import plugins
from pipeline.data.examples import HEADS, NEGATIVES, TAILS, TARGETS, Examples
from pipeline.data.relation import ITEM, USER, NodeFeatures, NodeTypes, Relation
from pipeline.data.task_data import TaskData
from pipeline.errors import ParamsError
from pipeline.losses.base import Loss
from pipeline.seeding import numpy_generator
from pipeline.tasks.base import Draw, Sampler
from pipeline.training.components import Components, build
from pipeline.training.epoch import Epoch
from pipeline.training.loop import train_epochs
from pipeline.training.task import Task
from pipeline.training.validation import Validation
from tests.toy import checkerboard, tasks_of

N, DIM = 16, 8


class RatedPairs(Sampler):
    """Regression of a rating: pairs in random order, with their rating as target."""

    columns = (HEADS, TAILS, TARGETS)

    def epoch(self, draw: Draw) -> Examples:
        relation = self.task.relation
        assert relation is not None
        chosen = numpy_generator(self.seed, "rated", draw.epoch).integers(0, relation.n_edges, draw.n)
        rows = {HEADS: relation.heads[chosen], TAILS: relation.tails[chosen] + self.nodes.offset(ITEM)}
        targets = torch.from_numpy(relation.values["rating"][chosen]).float()
        return Examples({name: torch.from_numpy(of) for name, of in rows.items()}, {TARGETS: targets})


class SquaredError(Loss):
    """mean of (<h, t> - target)^2."""

    needs = (HEADS, TAILS, TARGETS)

    def forward(self, rows: Tensor, examples: Examples, row_ids: Tensor) -> Tensor:
        scores = (rows[examples[HEADS]] * rows[examples[TAILS]]).sum(dim=1)
        return functional.mse_loss(scores, examples[TARGETS])


class Nodes(Sampler):
    """A regulariser of the table, which has no relation: rows at random."""

    columns = ("nodes",)

    def epoch(self, draw: Draw) -> Examples:
        rows = numpy_generator(self.seed, "nodes", draw.epoch).integers(0, self.nodes.n_rows, draw.n)
        return Examples({"nodes": torch.from_numpy(rows)})


class Uniformity(Loss):
    """ln mean exp(-2 |x - y|^2) over the distinct rows of a batch, of unit vectors."""

    needs = ("nodes",)

    def forward(self, rows: Tensor, examples: Examples, row_ids: Tensor) -> Tensor:
        unit = functional.normalize(rows[torch.unique(examples["nodes"])], dim=1)
        return torch.pdist(unit).square().mul(-2).exp().mean().log()


class AroundTheBatch(Sampler):
    """Are these two linked? A friend of each user of the main batch, or somebody at random, half and half."""

    columns = (HEADS, TAILS, TARGETS)

    def epoch(self, draw: Draw) -> Examples:
        relation, main = self.task.relation, draw.main
        assert relation is not None
        assert main is not None
        rng = numpy_generator(self.seed, "linked", draw.epoch)
        users = main[HEADS].numpy()
        linked = rng.random(draw.n) < 1 / 2
        friends = np.array([rng.choice(relation.tails[relation.heads == user]) for user in users])
        others = np.where(linked, friends, rng.integers(0, relation.n_tails, draw.n))
        rows = {HEADS: main[HEADS], TAILS: torch.from_numpy(others)}
        return Examples(rows, {TARGETS: torch.from_numpy(linked).float()})


class CrossEntropy(Loss):
    """Of sigmoid <h, t>."""

    needs = (HEADS, TAILS, TARGETS)

    def forward(self, rows: Tensor, examples: Examples, row_ids: Tensor) -> Tensor:
        scores = (rows[examples[HEADS]] * rows[examples[TAILS]]).sum(dim=1)
        return functional.binary_cross_entropy_with_logits(scores, examples[TARGETS])


class SameCategory(Sampler):
    """Two items of one category, and one of any: drawn by category, without ever making all pairs."""

    columns = (HEADS, TAILS, NEGATIVES)

    def epoch(self, draw: Draw) -> Examples:
        relation = self.task.relation
        assert relation is not None
        rng = numpy_generator(self.seed, "category", draw.epoch)
        order = np.argsort(relation.tails, kind="stable")
        starts = np.searchsorted(relation.tails[order], np.arange(relation.n_tails + 1))
        membership = rng.integers(0, relation.n_edges, draw.n)
        category = relation.tails[membership]
        size = starts[category + 1] - starts[category]
        mate = relation.heads[order[starts[category] + (rng.random(draw.n) * size).astype(np.int64)]]
        first = self.nodes.offset(ITEM)
        rows = (relation.heads[membership] + first, mate + first, rng.integers(0, relation.n_heads, draw.n) + first)
        return Examples({name: torch.from_numpy(of) for name, of in zip(self.columns, rows, strict=True)})


class Described(Sampler):
    """Reconstruction of the features of a node."""

    columns = ("nodes", "features")

    def epoch(self, draw: Draw) -> Examples:
        features = self.task.features
        assert features is not None
        chosen = numpy_generator(self.seed, "described", draw.epoch).integers(0, len(features.values), draw.n)
        nodes = torch.from_numpy(chosen + self.nodes.offset(features.node_type))
        return Examples({"nodes": nodes}, {"features": torch.from_numpy(features.values[chosen]).float()})


class Reconstruction(Loss):
    """mean of |W x - features|^2, with a W of the task's own."""

    needs = ("nodes", "features")

    def __init__(self, task: TaskData, nodes: NodeTypes, dim: int, is_main: bool) -> None:
        super().__init__(task, nodes, dim, is_main)
        assert task.features is not None
        self.head = nn.Linear(dim, task.features.values.shape[1])

    def forward(self, rows: Tensor, examples: Examples, row_ids: Tensor) -> Tensor:
        return functional.mse_loss(self.head(rows[examples["nodes"]]), examples["features"])


SPLIT, SOCIAL = checkerboard(N)
COLOUR = np.arange(N) % 2
RATED = Relation(
    "rating",
    USER,
    ITEM,
    np.repeat(np.arange(N), N),
    np.tile(np.arange(N), N),
    N,
    N,
    values={"rating": np.eye(2)[COLOUR][:, COLOUR].ravel()},
)
CATEGORY = Relation("category", ITEM, "colour", np.arange(N), COLOUR.copy(), N, 2)

KINDS: dict[str, tuple[TaskData, type[Sampler], type[Loss]]] = {
    "rating regression": (TaskData("side", "double", RATED), RatedPairs, SquaredError),
    "a regulariser of the table": (TaskData("side", "double"), Nodes, Uniformity),
    "linked or not, around the main batch": (TaskData("side", "double", SOCIAL), AroundTheBatch, CrossEntropy),
    "two items of one category": (TaskData("side", "double", CATEGORY), SameCategory, plugins.load("losses", "bpr")),
    "reconstruction of features": (
        TaskData("side", "double", features=NodeFeatures(ITEM, np.eye(2)[COLOUR], ("even", "odd"))),
        Described,
        Reconstruction,
    ),
}


def components(kind: str, rule: str = "equal_weights", **of_rule: Any) -> Components:
    """The main task as a plug-in builds it, and the double beside it."""
    data, sampler, loss = KINDS[kind]
    (main,) = tasks_of([SPLIT.train_relation()])
    category = TaskData("category", "ranking", CATEGORY)  # so that all have the same node types
    options: dict[str, Any] = {"encoder": ("mf", {}), "loss": ("bpr", {}), "rule": (rule, {})}
    made = build([main, category], 0, torch.device("cpu"), dim=DIM, **options)
    nodes = made.encoder.nodes
    torch.manual_seed(0)
    double = Task("side", sampler(data, nodes, 0), loss(data, nodes, DIM, False))
    rule_class = plugins.load("combiners", rule)
    return Components(made.encoder, [made.tasks[0], double], rule_class(["recommendation", "side"], nodes.sizes, **of_rule))


def train(made: Components) -> list[Epoch]:
    settings: dict[str, Any] = {"optimizer": "adam", "lr": 0.05, "weight_decay": 0.0, "batch_size": 32, "seed": 0}
    return list(train_epochs(made.encoder, made.combiner, made.tasks, Validation(SPLIT), epochs=25, patience=25, **settings))


@pytest.mark.parametrize(
    ("rule", "options"), [("equal_weights", {}), ("pmtrec_inverse", {"focus": "none"}), ("pcgrad", {})], ids=str
)
@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_trains_beside_the_main_task(kind: str, rule: str, options: dict[str, Any]) -> None:
    made = components(kind, rule, **options)
    before = [parameter.detach().clone() for parameter in made.tasks[1].loss.parameters()]
    epochs = train(made)
    assert min(epoch.losses["side"] for epoch in epochs) < epochs[0].losses["side"] - 0.02
    assert epochs[-1].losses["recommendation"] < epochs[0].losses["recommendation"]
    for old, new in zip(before, made.tasks[1].loss.parameters(), strict=True):
        assert not torch.equal(old, new)


@pytest.mark.parametrize("kind", KINDS)
def test_the_same_seed_draws_the_same_examples(kind: str) -> None:
    first, again = (train(components(kind)) for _ in range(2))
    assert first == again


def test_a_loss_that_needs_what_its_task_does_not_have_is_refused() -> None:
    (main,) = tasks_of([SPLIT.train_relation()])
    options: dict[str, Any] = {"encoder": ("mf", {}), "loss": ("bpr", {}), "rule": ("equal_weights", {})}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(plugins.load("losses", "bpr"), "needs", (HEADS, TAILS, TARGETS))
        with pytest.raises(
            ParamsError, match=r"train\.loss: bpr needs targets, which the examples of recommendation do not have"
        ):
            build([main], 0, torch.device("cpu"), dim=DIM, **options)
