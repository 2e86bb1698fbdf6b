"""Xavier's distributions, of each node type's own table."""

from math import sqrt

import pytest
import torch

from pipeline.data.relation import ITEM, USER, NodeTypes
from pipeline.encoders._initial import Init, initial_table
from pipeline.seeding import torch_generator

NODES = NodeTypes({USER: 4000, ITEM: 1000})
DIM = 32


@pytest.mark.parametrize(
    ("init", "scales"),
    [
        ("normal", [0.3, 0.3]),
        ("xavier_uniform", [sqrt(2 / (4000 + DIM)), sqrt(2 / (1000 + DIM))]),  # a uniform number within +-a has a / sqrt(3)
        ("xavier_normal", [sqrt(2 / (4000 + DIM)), sqrt(2 / (1000 + DIM))]),
    ],
)
def test_standard_deviations_and_bounds(init: Init, scales: list[float]) -> None:
    table = initial_table(NODES, DIM, torch_generator(0), init, 0.3)
    for part, scale in zip(torch.split(table, [4000, 1000]), scales, strict=True):
        assert float(part.std()) == pytest.approx(scale, rel=0.02)
        assert abs(float(part.mean())) < scale / 50
        if init == "xavier_uniform":
            assert float(part.abs().max()) <= sqrt(3) * scale


def test_a_standard_deviation_of_zero_is_refused() -> None:
    with pytest.raises(ValueError, match="init_std must be > 0, found 0"):
        initial_table(NODES, DIM, torch_generator(0), "normal", 0)
