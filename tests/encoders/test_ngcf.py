import pytest
import torch
from torch import Tensor
from torch.nn import functional

from pipeline.data.relation import NodeTypes
from pipeline.encoders.ngcf import NGCF
from pipeline.seeding import torch_generator
from tests.encoders.test_lightgcn import by_hand
from tests.toy import small_relations

RELATIONS = small_relations()
NODES = NodeTypes.of(RELATIONS)


def ngcf(**options: float) -> NGCF:
    return NGCF(NODES, RELATIONS, 6, torch_generator(0), **options)  # type: ignore[arg-type]


def test_layers_by_the_dense_formula_and_gradients_of_all_parameters() -> None:
    """``by_hand`` with one layer is (x + L x) / 2."""
    encoder = ngcf(layers=2)
    layer: Tensor = encoder.weight
    layers = [layer]
    for w1, w2 in zip(encoder.sums, encoder.products, strict=True):
        around = 2 * by_hand(layer, 1) - layer
        layer = functional.leaky_relu((around + layer) @ w1 + (around * layer) @ w2, 0.2)
        layers.append(layer)
    expected = torch.cat(layers, dim=1)
    found = encoder().stacked
    torch.testing.assert_close(found, expected)
    assert found.shape == (NODES.n_rows, encoder.width(6)) == (NODES.n_rows, 18)
    upstream = torch.randn(found.shape, generator=torch_generator(1))
    for one, two in zip(
        *(torch.autograd.grad(x, list(encoder.parameters()), upstream) for x in (found, expected)), strict=True
    ):
        torch.testing.assert_close(one, two)


def test_dropout_is_for_training_alone() -> None:
    encoder = ngcf(dropout=0.5)
    assert not torch.equal(encoder().stacked, encoder().stacked)
    encoder.eval()
    assert torch.equal(encoder().stacked, encoder().stacked)
    torch.testing.assert_close(encoder().stacked, ngcf()().stacked)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"layers": 0}, r"layers must be in 1\.\.100, found 0"),
        ({"dropout": 1.0}, r"dropout must be in \[0, 1\), found 1.0"),
        ({"init_std": 0.0}, "init_std must be > 0, found 0.0"),
    ],
)
def test_options_out_of_range_are_refused(options: dict[str, float], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        ngcf(**options)
