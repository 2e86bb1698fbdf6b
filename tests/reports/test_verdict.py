"""What the sentence says, and what it does not."""

import pandas as pd
import pytest

from pipeline.reports.colours import colour
from pipeline.reports.verdict import verdict


def board(*rows: tuple[str, float, float]) -> pd.DataFrame:
    """(method, value, p of its difference from the second)."""
    table = pd.DataFrame(rows, columns=["method", "ndcg@20", "p"])
    return table.assign(dataset="d", n_seeds=3, baseline=rows[1][0] if len(rows) > 1 else None)


NONE = float("nan")
TOLD = "d: a has ndcg@20 0.3000 and leads, "
NOT_TOLD = "d: a has ndcg@20 0.3000, which cannot be told from 0.2000 of b "


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ([("a", 0.3, 0.01), ("b", 0.2, NONE)], TOLD + "50.0% ahead of b (p = 0.01 over users, "),
        ([("a", 0.3, 0.01), ("b", 0.0, NONE)], TOLD + "0.3000 ahead of b (p = 0.01 over users, "),
        ([("a", 0.3, 0.2), ("b", 0.2, NONE)], NOT_TOLD + "(p = 0.2 over users"),
        ([("a", 0.3, NONE), ("b", 0.2, NONE)], NOT_TOLD + "(no test of these two)"),
        ([("a", 0.2, 1.0), ("b", 0.2, NONE)], NOT_TOLD.replace("0.3000", "0.2000") + "(p = 1 over users"),
        ([("a", 0.3, NONE)], "d: a has ndcg@20 0.3000"),
    ],
)
def test_nobody_leads_who_cannot_be_told_to(rows: list[tuple[str, float, float]], said: str) -> None:
    assert verdict(board(*rows), "ndcg@20").startswith(said)


def test_a_method_has_its_colour_wherever_it_is() -> None:
    assert colour("pmtrec") == "#2ca02c"
    assert colour("a method of mine") == colour("a method of mine") != colour("another one of mine")
