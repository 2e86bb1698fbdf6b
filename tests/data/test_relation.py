import numpy as np
import pytest

from pipeline.data.relation import ITEM, USER, NodeTypes, Relation
from tests.toy import relation, small_relations


def test_numbers_out_of_range_are_refused() -> None:
    with pytest.raises(ValueError, match=r"r: tails must be in 0\.\.1, found 0\.\.2"):
        relation("r", USER, ITEM, [(0, 0), (0, 2)], 1, 2)


def test_unequal_lengths_are_refused() -> None:
    with pytest.raises(ValueError, match="must be equally long vectors"):
        Relation("r", USER, ITEM, np.zeros(2, np.int64), np.zeros(1, np.int64), 1, 1)


def test_node_types_stack_users_items_and_the_rest() -> None:
    nodes = NodeTypes.of(small_relations())
    assert nodes.sizes == {"user": 4, "item": 5, "category": 2}
    assert [nodes.offset(kind) for kind in ("user", "item", "category")] == [0, 4, 4 + 5]
    assert nodes.n_rows == 4 + 5 + 2


def test_contradicting_sizes_are_refused() -> None:
    with pytest.raises(ValueError, match="b: 4 nodes of type 'user', elsewhere 3"):
        NodeTypes.of([relation("a", USER, ITEM, [], 3, 2), relation("b", USER, USER, [], 4, 4)])
