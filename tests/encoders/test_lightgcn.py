import numpy as np
import pytest
import torch

from pipeline.data.relation import ITEM, USER, NodeTypes
from pipeline.encoders._graph import Graph
from pipeline.encoders.lightgcn import LightGCN
from pipeline.seeding import torch_generator
from tests.toy import relation, small_relations

RELATIONS = small_relations()
NODES = NodeTypes.of(RELATIONS)


def by_hand(weight: torch.Tensor, layers: int) -> torch.Tensor:
    """The same with a dense adjacency, written node by node."""
    n = NODES.n_rows
    adjacency = torch.zeros(n, n, dtype=weight.dtype)
    for user, item in zip(RELATIONS[0].heads, RELATIONS[0].tails, strict=True):
        adjacency[user, 4 + item] = adjacency[4 + item, user] = 1
    degrees = adjacency.sum(1)
    for i in range(n):
        for j in range(n):
            if adjacency[i, j]:
                adjacency[i, j] = 1 / (degrees[i] * degrees[j]) ** 0.5
    power, total = weight, weight
    for _ in range(layers):
        power = adjacency @ power
        total = total + power
    return total / (layers + 1)


@pytest.mark.parametrize("layers", [1, 3])
def test_is_the_mean_of_the_smoothed_layers_and_its_gradient_is_autograds(layers: int) -> None:
    encoder = LightGCN(NODES, RELATIONS, 6, torch_generator(0), layers=layers)
    expected = by_hand(encoder.weight, layers)
    torch.testing.assert_close(encoder().stacked, expected)
    upstream = torch.randn(NODES.n_rows, 6, generator=torch_generator(1))
    (found,) = torch.autograd.grad(encoder().stacked, encoder.weight, upstream)
    (dense,) = torch.autograd.grad(expected, encoder.weight, upstream)
    torch.testing.assert_close(found, dense)


def test_repeated_pairs_count_once() -> None:
    twice = relation("recommendation", USER, ITEM, [(0, 0), (0, 0), (0, 1), (1, 2), (2, 3), (3, 4)], 4, 5)
    first, second = (LightGCN(NODES, relations, 6, torch_generator(0)) for relations in (RELATIONS, [twice, *RELATIONS[1:]]))
    assert torch.equal(first().stacked, second().stacked)


def test_its_only_parameter_is_the_table_and_the_graph_is_not_saved() -> None:
    encoder = LightGCN(NODES, RELATIONS, 6, torch_generator(0))
    assert list(encoder.state_dict()) == ["weight"]


def test_dropout_takes_links_with_their_way_back_in_training_alone() -> None:
    graph = Graph(NODES, RELATIONS[:1])
    whole, thin = graph.matrix().to_dense(), graph.thinned(0.5, np.random.default_rng(0)).to_dense()
    assert torch.equal(thin, thin.T)
    kept = thin != 0
    assert 0 < kept.sum() < (whole != 0).sum()
    torch.testing.assert_close(thin[kept], 2 * whole[kept])
    encoder = LightGCN(NODES, RELATIONS, 6, torch_generator(0), dropout=0.5)
    again = LightGCN(NODES, RELATIONS, 6, torch_generator(0), dropout=0.5)
    first, second = encoder().stacked, encoder().stacked
    assert not torch.equal(first, second)
    assert torch.equal(first, again().stacked), "the same seed drops the same links"
    torch.testing.assert_close(encoder.eval()().stacked, by_hand(encoder.weight, 3))


def test_side_relations_join_the_graph() -> None:
    """Friends 0 and 3 have no item in common: without their link, the one's vector does not reach the other in two steps."""
    without, joined = (LightGCN(NODES, RELATIONS, 6, torch_generator(0), layers=1, side_graph=on) for on in (False, True))
    ends = Graph(NODES, RELATIONS).matrix().to_dense()
    expected = (joined.weight + ends @ joined.weight) / 2
    torch.testing.assert_close(joined().stacked, expected)
    assert not torch.equal(joined().stacked, without().stacked)


def test_the_last_coordinate_of_an_item_is_its_bias() -> None:
    embeddings = LightGCN(NODES, RELATIONS, 6, torch_generator(0), item_bias=True)()
    plain = LightGCN(NODES, RELATIONS, 6, torch_generator(0))()
    assert (embeddings.users[:, -1] == 1).all()
    torch.testing.assert_close(embeddings.items, plain.items)
    scores = plain.users[:, :-1] @ plain.items[:, :-1].T + plain.items[:, -1]
    torch.testing.assert_close(embeddings.users @ embeddings.items.T, scores)


def test_options_out_of_range_are_refused() -> None:
    with pytest.raises(ValueError, match=r"dropout must be in \[0, 1\), found 1\.0"):
        LightGCN(NODES, RELATIONS, 6, torch_generator(0), dropout=1.0)
    with pytest.raises(ValueError, match="layers must be >= 1, found 0"):
        LightGCN(NODES, RELATIONS, 6, torch_generator(0), layers=0)
    with pytest.raises(ValueError, match="init_std must be > 0, found 0"):
        LightGCN(NODES, RELATIONS, 6, torch_generator(0), init_std=0)
