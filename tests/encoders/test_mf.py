from typing import Any

import pytest
import torch

from pipeline.data.relation import NodeTypes
from pipeline.encoders._graph import Graph
from pipeline.encoders.mf import MF
from pipeline.kernels import compiling
from pipeline.seeding import torch_generator
from tests.toy import small_relations

NODES = NodeTypes({"user": 300, "item": 200, "tag": 50})


def test_tables_are_views_of_one_stack() -> None:
    encoder = MF(NODES, [], 8, torch_generator(0))
    embeddings = encoder()
    assert embeddings.stacked is encoder.weight
    assert (embeddings.users.shape, embeddings.items.shape, embeddings.table("tag").shape) == ((300, 8), (200, 8), (50, 8))
    assert torch.equal(torch.cat([embeddings.users, embeddings.items, embeddings.table("tag")]), embeddings.stacked)


def test_initial_values_have_the_asked_spread_and_follow_the_generator() -> None:
    first, second = (MF(NODES, [], 64, torch_generator(0), init_std=0.02).weight for _ in range(2))
    assert torch.equal(first, second)
    assert first.std().item() == pytest.approx(0.02, rel=0.02)


def test_a_spread_that_is_not_positive_is_refused() -> None:
    with pytest.raises(ValueError, match=r"init_std must be > 0, found 0\.0"):
        MF(NODES, [], 8, torch_generator(0), init_std=0.0)


def test_vectors_are_smoothed_over_the_side_relations() -> None:
    relations = small_relations()
    nodes = NodeTypes.of(relations)
    encoder = MF(nodes, relations, 6, torch_generator(0), side_layers=1)
    dense = Graph(nodes, relations[1:]).matrix().to_dense()
    torch.testing.assert_close(encoder().stacked, (encoder.weight + dense @ encoder.weight) / 2)
    assert list(encoder.state_dict()) == ["weight"]


def test_a_bias_moves_scores_and_gets_a_gradient_and_the_ones_of_the_users_do_not() -> None:
    encoder = MF(NODES, [], 8, torch_generator(0), item_bias=True)
    embeddings = encoder()
    (gradient,) = torch.autograd.grad((embeddings.users @ embeddings.items.T).sum(), encoder.weight)
    assert (gradient[:300, -1] == 0).all()
    torch.testing.assert_close(gradient[300:500, -1], torch.full((200,), 300.0))


def test_fewer_than_no_layers_are_refused() -> None:
    with pytest.raises(ValueError, match="side_layers must be >= 0, found -1"):
        MF(NODES, [], 8, torch_generator(0), side_layers=-1)


@pytest.mark.parametrize("options", [{}, {"item_bias": True}, {"side_layers": 2}], ids=str)
def test_rows_and_their_gradients_are_those_of_the_whole(options: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    relations = small_relations()
    encoder = MF(nodes := NodeTypes.of(relations), relations, 6, torch_generator(0), **options)
    rows, gradient = torch.tensor([5, 0, nodes.n_rows - 1]), torch.randn(3, 6, generator=torch_generator(1))
    (expected,) = torch.autograd.grad((encoder().stacked[rows] * gradient).sum(), encoder.weight)
    encoded = encoder.encode(rows)
    torch.testing.assert_close(encoded, encoder().stacked[rows])
    ((parameter, index, of),) = encoder.gradients(rows, encoded, gradient)
    found = torch.zeros_like(parameter).index_add_(0, index, of)
    torch.testing.assert_close(found, expected)
    monkeypatch.setattr(compiling, "numba", None)
    torch.testing.assert_close(encoder.encode(rows), encoded)
