"""gradnorm, metabalance, cosine_gating, gradcraft, db_mtl: each against its formula by hand."""

from math import sqrt
from typing import Any

import pytest
import torch

from pipeline.combiners.base import RowGradients
from tests.combiners._rows import TABLES, build, combine, random_rows, row_gradients, step

TWO = row_gradients([[[3.0, 0.0]], [[0.0, 1.0]]])


def weights(rule: str, gradients: RowGradients = TWO, losses: list[float] | None = None, **options: Any) -> list[float]:
    found = combine(rule, gradients, step(losses=losses or [0.5] * len(gradients.values)), **options).weights
    assert found is not None
    return [float(value) for value in found[:, 0]]


@pytest.mark.parametrize("granularity", ["global", "table", "entity"])
def test_gradnorm_moves_weights_to_equal_lengths(granularity: str) -> None:
    """First step: weights 1, rates 1. Norms 3 and 1 over their mean: 3/2 and 1/2, target 1. Signs +, -.

    w = (1 - lr 3/2, 1 + lr 1/2), scaled to sum to 2.
    """
    rule = build("gradnorm", 2, granularity=granularity, lr=0.1)
    assert rule(TWO, step(n_tasks=2)).weights[:, 0].tolist() == [1.0, 1.0]
    raw = (1 - 0.1 * 3 / 2, 1 + 0.1 * 1 / 2)
    expected = [2 * w / sum(raw) for w in raw]
    assert rule(TWO, step(n_tasks=2)).weights[:, 0].tolist() == pytest.approx(expected)


def test_gradnorm_gives_more_to_a_task_that_trains_slowly() -> None:
    """Losses 1, 1 then 1/4, 1: ratios 1/4 and 1, mean 5/8, rates 2/5 and 8/5; alpha 1: targets 2/5 and 8/5 for norms of 1."""
    same = row_gradients([[[1.0, 0.0]], [[0.0, 1.0]]])
    rule = build("gradnorm", 2, alpha=1.0, lr=0.1)
    rule(same, step(losses=[1.0, 1.0]))
    rule(same, step(losses=[0.25, 1.0]))
    assert rule.get_buffer("weights")[:, 0].tolist() == pytest.approx([0.9, 1.1])


def test_metabalance_brings_side_gradients_to_the_length_of_the_main_one() -> None:
    """M = (3, 1): 0.7 * 3 / 1 + 0.3."""
    assert weights("metabalance") == pytest.approx([1.0, 0.7 * 3 + 0.3])
    assert weights("metabalance", relax=1.0, granularity="entity") == pytest.approx([1.0, 3.0])


def test_metabalance_keeps_running_means_from_the_first_norm_on() -> None:
    """Main 3 then 1: 0.9 * 3 + 0.1 * 1; side 1, 1."""
    rule = build("metabalance", 2, relax=1.0)
    rule(TWO, step(n_tasks=2))
    second = rule(row_gradients([[[1.0, 0.0]], [[0.0, 1.0]]]), step(n_tasks=2)).weights[:, 0].tolist()
    assert second == pytest.approx([1.0, 0.9 * 3 + 0.1 * 1])


@pytest.mark.parametrize(("strategy", "expected"), [("reduce", [1.0, 1.0]), ("enlarge", [1.0, 3.0]), ("both", [1.0, 3.0])])
def test_metabalance_strategies_on_a_shorter_side_gradient(strategy: str, expected: list[float]) -> None:
    assert weights("metabalance", relax=1.0, strategy=strategy) == pytest.approx(expected)


def test_metabalance_reduces_a_longer_side_gradient() -> None:
    longer = row_gradients([[[1.0, 0.0]], [[0.0, 4.0]]])
    assert weights("metabalance", longer, relax=1.0, strategy="reduce") == pytest.approx([1.0, 1 / 4])
    assert weights("metabalance", longer, relax=1.0, strategy="enlarge") == pytest.approx([1.0, 1.0])


def test_metabalance_where_the_main_task_touches_no_row_of_a_table() -> None:
    """The reference code gives NaN there; the side gradient stays as it is."""
    values = torch.tensor([[[1.0], [0.0]], [[2.0], [2.0]]], dtype=torch.float64)
    gradients = RowGradients(torch.tensor([0, 4]), torch.tensor([0, 1]), values, torch.tensor([[True, False], [True, True]]))
    found = combine("metabalance", gradients, relax=1.0).weights
    assert found is not None
    assert found.tolist() == [[1.0, 0.0], [1 / 2, 1.0]]


@pytest.mark.parametrize(
    ("side", "soft", "hard"),
    [([1.0, 1.0], 1 / sqrt(2), 1.0), ([-1.0, 1.0], 0.0, 0.0), ([0.0, 1.0], 0.0, 1.0)],
)
def test_cosine_gating(side: list[float], soft: float, hard: float) -> None:
    gradients = row_gradients([[[2.0, 0.0]], [side]])
    for granularity in ("global", "table", "entity"):
        assert weights("cosine_gating", gradients, granularity=granularity) == pytest.approx([1.0, soft])
        assert weights("cosine_gating", gradients, granularity=granularity, hard=True) == pytest.approx([1.0, hard])


def test_cosine_gating_lets_pass_what_the_main_task_did_not_touch() -> None:
    gradients = row_gradients([[[0.0]], [[-2.0]]], present=[[False], [True]])
    assert weights("cosine_gating", gradients, granularity="entity") == [0.0, 1.0]


def test_gradcraft_magnitudes() -> None:
    """Norms 3 and 1, r = 1/2: (1, 1/2 * 3 + 1/2); no conflict, so no projection."""
    assert weights("gradcraft", relax=0.5) == pytest.approx([1.0, 2.0])


@pytest.mark.parametrize("granularity", ["global", "entity"])
def test_gradcraft_directions(granularity: str) -> None:
    """Two gradients g = (1, 0) and h = (-1, 1), and epsilon e.

    g' = g + x h with <g', h> = e |g| |h|: x = (e sqrt 2 + 1) / 2; h' = h + y g with <h', g> = e sqrt 2: y = e sqrt 2 + 1.
    Sum (1 + y) g + (1 + x) h.
    """
    e = 0.1
    gradients = row_gradients([[[1.0, 0.0]], [[-1.0, 1.0]]])
    found = weights("gradcraft", gradients, relax=0.0, epsilon=e, granularity=granularity)
    assert found == pytest.approx([1 + e * sqrt(2) + 1, 1 + (e * sqrt(2) + 1) / 2])


def test_gradcraft_leaves_no_conflict_between_three_tasks() -> None:
    """Each projected gradient has the asked cosine with every gradient that it was in conflict with."""
    from pipeline.combiners.gradcraft import _resolve

    jacobian = torch.tensor([[1.0, 0.0, 0.0], [-1.0, 1.0, 0.0], [-1.0, -1.0, 1.0]], dtype=torch.float64)
    products = (jacobian @ jacobian.T).unsqueeze(0)
    total = _resolve(products, 0.0)[0] @ jacobian
    # g1 is in conflict with g2 and g3, each of them with g1 alone, because <g2, g3> = 0. By hand, with epsilon = 0:
    basis = torch.linalg.lstsq(jacobian[1:].T, -jacobian[:1].T).solution
    first = jacobian[0] + (basis.T @ jacobian[1:])[0]
    second = jacobian[1] + jacobian[0] * 1.0
    third = jacobian[2] + jacobian[0] * 1.0
    torch.testing.assert_close(total, first + second + third, rtol=1e-6, atol=1e-6)


def test_gradcraft_does_not_drop_a_gradient_that_sums_to_zero() -> None:
    """The authors' code takes it for absent."""
    gradients = row_gradients([[[1.0, 0.0]], [[1.0, -1.0]]])
    torch.testing.assert_close(combine("gradcraft", gradients, relax=0.0).values, gradients.values.sum(0))


@pytest.mark.parametrize("granularity", ["global", "table", "entity"])
def test_db_mtl(granularity: str) -> None:
    """Norms 3 and 1, losses 1/2 and 1/10: |grad ln L| = 6 and 10, so both become 10 long: weights 10/3 and 10."""
    assert weights("db_mtl", losses=[1 / 2, 1 / 10], granularity=granularity) == pytest.approx([10 / 3, 10.0])


@pytest.mark.parametrize("rule", ["db_mtl", "metabalance"])
def test_rescaled_losses_do_not_change_the_direction(rule: str) -> None:
    """Both papers claim it for a side task; for MetaBalance with r = 1."""
    gradients = random_rows()
    scaled = RowGradients(gradients.rows, gradients.tables, gradients.values.clone(), gradients.present)
    scaled.values[1] *= 1e3
    options = {"relax": 1.0} if rule == "metabalance" else {}
    first = combine(rule, gradients, step(losses=[0.5, 0.5, 0.5]), **options).values
    second = combine(rule, scaled, step(losses=[0.5, 0.5e3, 0.5]), **options).values
    torch.testing.assert_close(first, second)


def test_entities_do_not_see_each_other() -> None:
    """At granularity ``entity`` a row gets the same whatever the other rows are."""
    for rule in ("gradnorm", "metabalance", "cosine_gating", "gradcraft", "db_mtl", "pmtrec", "imtl_g", "aligned_mtl", "mgda"):
        gradients = random_rows()
        whole = combine(rule, gradients, granularity="entity").values
        part = RowGradients(
            gradients.rows[2:4], gradients.tables[2:4], gradients.values[:, 2:4].clone(), gradients.present[:, 2:4]
        )
        torch.testing.assert_close(combine(rule, part, granularity="entity").values, whole[2:4])


@pytest.mark.parametrize(
    ("rule", "options", "message"),
    [
        ("history_weights", {"side": -1.0}, "side must be >= 0, found -1.0"),
        ("history_weights", {"k": 0.0}, "k must be in 1e-06..1e+09, found 0.0"),
        ("gradnorm", {"alpha": -1.0}, "alpha must be >= 0, found -1.0"),
        ("gradnorm", {"lr": 0.0}, "lr must be > 0, found 0.0"),
        ("metabalance", {"relax": 2.0}, "relax must be in [0, 1], found 2.0"),
        ("metabalance", {"decay": 1.0}, "decay must be in [0, 1), found 1.0"),
        ("gradcraft", {"relax": 2.0}, "relax must be in [0, 1], found 2.0"),
        ("gradcraft", {"epsilon": 1.0}, "epsilon must be in [0, 1), found 1.0"),
        ("gradcraft", {"decay": 1.0}, "decay must be in [0, 1), found 1.0"),
    ],
)
def test_options_out_of_range_are_refused(rule: str, options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError) as refused:  # noqa: PT011  # the whole message is compared
        build(rule, tables=TABLES, **options)
    assert str(refused.value) == message


HISTORIES = torch.tensor([[0, 20, 60, 0, 5, 0, 15], [9, 9, 9, 9, 9, 9, 9]])  # of four users and three items, in two tasks


def side_weights(progress: float = 0.0, **options: Any) -> list[float]:
    """Of a side task, where every task touched every row."""
    rule = build("history_weights", 2, **options)
    rule.set_degrees(HISTORIES)
    gradients = RowGradients(torch.arange(7), torch.tensor([0] * 4 + [1] * 3), torch.ones(2, 7, 3), torch.ones(2, 7) > 0)
    combined = rule(gradients, step(progress, n_tasks=2))
    assert combined.weights[0].tolist() == [1.0] * 7
    found: list[float] = combined.weights[1].tolist()
    return found


def test_history_weights_by_hand() -> None:
    """K / (k + n) is 1, 1/2, 1/4, 1 for the users, of mean 11/16, and 4/5, 1, 4/7 for the items."""
    items = [4 / 5, 1, 4 / 7]
    expected = [16 / 11, 8 / 11, 4 / 11, 16 / 11, *(3 * share / sum(items) for share in items)]
    assert side_weights(side=0.5, k=20.0) == pytest.approx([0.5 * weight for weight in expected])
    assert side_weights(progress=0.25, side=0.5, k=20.0) == pytest.approx([0.375 * weight for weight in expected])
    assert side_weights(progress=0.25, side=0.5, k=20.0, fade=False) == pytest.approx([0.5 * weight for weight in expected])


def test_the_controls_of_history_weights_give_the_same_shares_to_others() -> None:
    history = side_weights()
    for order in ("reversed", "exchanged"):
        other = side_weights(order=order)
        assert sorted(other[:4]) == pytest.approx(sorted(history[:4]))
        assert sorted(other[4:]) == pytest.approx(sorted(history[4:]))
        assert other != pytest.approx(history)
    assert side_weights(order="reversed")[2] == max(side_weights(order="reversed")[:4]), "the longest history has most"
    assert side_weights(order="equal") == pytest.approx([0.3] * 7)


def test_history_weights_are_settled_where_side_tasks_have_faded() -> None:
    for fade, progress, expected in ((True, 0.5, False), (True, 0.95, True), (False, 0.0, True)):
        rule = build("history_weights", 2, fade=fade)
        rule(row_gradients([[[1.0]], [[1.0]]]), step(progress, n_tasks=2))
        assert rule.is_settled() == expected


def test_gradcraft_keeps_running_means_from_the_first_norm_on() -> None:
    """Orthogonal gradients of length 3 and 1, then 1 and 1: means 0.8 * 3 + 0.2 * 1 = 2.6 and 1, with r = 1."""
    rule = build("gradcraft", 2, relax=1.0, decay=0.8)
    rule(TWO, step(n_tasks=2))
    second = rule(row_gradients([[[1.0, 0.0]], [[0.0, 1.0]]]), step(n_tasks=2)).weights[:, 0].tolist()
    assert second == pytest.approx([1.0, 2.6])
