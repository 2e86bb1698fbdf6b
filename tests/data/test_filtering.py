import pandas as pd
import pytest

from pipeline.data.filtering import k_core, keep_rated, resolve_duplicates


def table(rows: list[tuple[str, str, float, int]]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=["user_id", "item_id", "rating", "timestamp"])


def test_of_duplicates_the_latest_stays_and_of_equally_late_ones_the_best_rated() -> None:
    kept = resolve_duplicates(table([("a", "x", 5, 1), ("a", "x", 2, 9), ("a", "x", 4, 9), ("b", "x", 1, 1)]))
    assert kept.to_dict("records") == table([("a", "x", 4, 9), ("b", "x", 1, 1)]).to_dict("records")


def test_the_result_does_not_depend_on_the_order_of_rows() -> None:
    rows = table([("b", "y", 3, 2), ("a", "x", 5, 1), ("a", "x", 2, 9), ("a", "z", 1, 1)])
    assert resolve_duplicates(rows).equals(resolve_duplicates(rows.iloc[::-1]))


def test_rating_threshold() -> None:
    kept = keep_rated(table([("a", "x", 3, 1), ("a", "y", 2.9, 1)]), 3)
    assert kept["item_id"].tolist() == ["x"]
    with pytest.raises(ValueError, match="the interactions have no ratings"):
        keep_rated(kept.drop(columns="rating"), 3)


def test_k_core_is_iterated() -> None:
    """Z has one interaction; without it, c has one; without c, y has one, then b has one; a-b with w-x stays no 2-core."""
    core = [("a", "w"), ("a", "x"), ("b", "w"), ("b", "x")]
    chain = [("b", "y"), ("c", "y"), ("c", "z")]
    interactions = pd.DataFrame(core + chain, columns=["user_id", "item_id"])
    assert sorted(k_core(interactions, 2).itertuples(index=False, name=None)) == core
    assert len(k_core(interactions, 0)) == 7
    assert len(k_core(interactions, 3)) == 0
