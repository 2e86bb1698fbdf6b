"""Encoders of any shape, as doubles: several tensors, and one whose step costs the batch."""

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from pipeline import plugins
from pipeline.data.relation import ITEM, USER, NodeTypes
from pipeline.encoders.base import Embeddings, Encoder
from pipeline.errors import InputError
from pipeline.seeding import torch_generator
from pipeline.training.components import Components, build
from pipeline.training.epoch import Epoch
from pipeline.training.loop import train_epochs
from pipeline.training.validation import Validation
from tests.toy import checkerboard, small_relations, tasks_of

NODES = NodeTypes({USER: 16, ITEM: 16})


class TwoTensors(Encoder):
    """A table, and a matrix that mixes its columns."""

    def __init__(self, nodes: NodeTypes, dim: int) -> None:
        super().__init__(nodes)
        self.table = nn.Parameter(torch.randn(nodes.n_rows, dim, generator=torch_generator(0, "a")) * 0.1)
        self.mixing = nn.Parameter(torch.eye(dim) + 0.1 * torch.randn(dim, dim, generator=torch_generator(0, "b")))
        self.bias = nn.Parameter(torch.zeros(dim))

    def forward(self) -> Embeddings:
        return Embeddings(self.table @ self.mixing + self.bias, self.nodes)


class Tower(Encoder):
    """A layer over features of the nodes: it encodes the rows of a step and no others."""

    def __init__(self, nodes: NodeTypes, dim: int) -> None:
        super().__init__(nodes)
        self.features = nn.Embedding(nodes.n_rows, 6, sparse=True)
        self.layer = nn.Linear(6, dim)
        with torch.no_grad():
            for number, parameter in enumerate(self.parameters()):
                parameter.copy_(0.3 * torch.randn(parameter.shape, generator=torch_generator(0, number)))
        self.encoded: list[int] = []

    def forward(self) -> Embeddings:
        return Embeddings(self.encode(torch.arange(self.nodes.n_rows)), self.nodes)

    def encode(self, row_ids: Tensor) -> Tensor:
        self.encoded.append(len(row_ids))
        encoded: Tensor = self.layer(self.features(row_ids))
        return encoded


def train(encoder: Encoder, epochs: int = 30, **changes: Any) -> list[Epoch]:
    split, social = checkerboard()
    data = tasks_of([split.train_relation(), social])
    options: dict[str, Any] = {"encoder": ("mf", {}), "loss": ("bpr", {}), "rule": ("equal_weights", {})}
    made = build(data, 0, torch.device("cpu"), dim=8, **options)
    made = Components(encoder, made.tasks, made.combiner)
    settings: dict[str, Any] = {"optimizer": "adam", "lr": 0.05, "weight_decay": 0.0, "batch_size": 16, "seed": 0} | changes
    return list(train_epochs(encoder, made.combiner, made.tasks, Validation(split), epochs=epochs, patience=epochs, **settings))


@pytest.mark.parametrize("optimizer", plugins.names("optimizers"))
@pytest.mark.parametrize("kind", [TwoTensors, Tower])
def test_an_encoder_of_several_tensors_trains_all_of_them(kind: type[Encoder], optimizer: str) -> None:
    encoder = kind(NODES, 8)  # type: ignore[call-arg]
    before = {name: value.clone() for name, value in encoder.state_dict().items()}
    epochs = train(encoder, optimizer=optimizer, lr={"sgd": 1.0}.get(optimizer, 0.05))
    assert epochs[-1].losses["recommendation"] < epochs[0].losses["recommendation"] - 0.05
    assert max(epoch.valid_ndcg for epoch in epochs) > epochs[0].valid_ndcg
    assert all(not torch.equal(value, before[name]) for name, value in encoder.state_dict().items())


def test_a_tower_encodes_what_a_step_touches_and_the_table_for_validation_alone() -> None:
    encoder = Tower(nodes := NodeTypes({USER: 16, ITEM: 16, "else": 1000}), 8)
    train(encoder, epochs=1)
    assert encoder.encoded.count(nodes.n_rows) == 1
    assert max(size for size in encoder.encoded if size != nodes.n_rows) <= 32


def test_gradients_of_parameters_are_those_of_autograd() -> None:
    encoder = TwoTensors(NODES, 4)
    rows, gradient = torch.tensor([3, 20, 7]), torch.randn(3, 4, generator=torch_generator(0))
    encoded = encoder.encode(rows)
    found = {id(parameter): (index, of) for parameter, index, of in encoder.gradients(rows, encoded, gradient)}
    expected = torch.autograd.grad((encoder().stacked[rows] * gradient).sum(), list(encoder.parameters()))
    for parameter, of_parameter in zip(encoder.parameters(), expected, strict=True):
        index, of = found[id(parameter)]
        assert index.tolist() == list(range(len(parameter)))
        torch.testing.assert_close(of, of_parameter)


@pytest.mark.parametrize("name", plugins.names("encoders"))
def test_some_rows_are_what_all_rows_say(name: str) -> None:
    relations = small_relations()
    nodes = NodeTypes.of(relations)
    encoder = plugins.load("encoders", name)(nodes, relations, 4, torch_generator(0)).eval()
    rows = torch.tensor([0, 3, nodes.n_rows - 1])
    torch.testing.assert_close(encoder.encode(rows), encoder().stacked[rows])


def test_a_parameter_that_nothing_depends_on_has_no_gradient() -> None:
    encoder = TwoTensors(NODES, 4)
    encoder.register_parameter("unused", nn.Parameter(torch.zeros(3)))
    found = encoder.gradients(rows := torch.tensor([3, 20]), encoder.encode(rows), torch.ones(2, 4))
    assert len(list(found)) == 3


def test_an_earlier_training_gives_the_rows_that_it_has() -> None:
    encoder = TwoTensors(NODES, 4)
    before = encoder.table.detach().clone()
    users = torch.full((16, 4), 2.0)
    users[3] = torch.nan
    encoder.start_from({USER: users, "tag": torch.ones(5, 4)})
    assert (encoder.table[:3] == 2).all()
    assert torch.equal(encoder.table[3], before[3])
    assert torch.equal(encoder.table[16:], before[16:])
    with pytest.raises(InputError, match=r"embeddings of length 4 cannot begin at those of length 5\. Fix: train with dim 5"):
        encoder.start_from({USER: torch.ones(16, 5)})
