import pandas as pd
import pytest

from pipeline.data.filtering import k_core, keep_rated, resolve_duplicates


def table(rows: list[tuple[int, int, float, int]]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=["user", "item", "rating", "timestamp"])


def test_of_duplicates_the_latest_stays_and_of_equally_late_ones_the_best_rated() -> None:
    kept = resolve_duplicates(table([(0, 1, 5, 1), (0, 1, 2, 9), (0, 1, 4, 9), (1, 1, 1, 1)]))
    assert kept.to_dict("records") == table([(0, 1, 4, 9), (1, 1, 1, 1)]).to_dict("records")


def test_the_result_does_not_depend_on_the_order_of_rows() -> None:
    rows = table([(1, 2, 3, 2), (0, 1, 5, 1), (0, 1, 2, 9), (0, 3, 1, 1)])
    assert resolve_duplicates(rows).equals(resolve_duplicates(rows.iloc[::-1]))


def test_rating_threshold() -> None:
    kept = keep_rated(table([(0, 1, 3, 1), (0, 2, 2.9, 1)]), 3)
    assert kept["item"].tolist() == [1]
    with pytest.raises(ValueError, match="the interactions have no ratings"):
        keep_rated(kept.drop(columns="rating"), 3)


def test_k_core_is_iterated() -> None:
    """Item 3 has one interaction; without it, user 2 has one; without that, item 2; users 0 and 1 with items 0 and 1 stay."""
    core = [(0, 0), (0, 1), (1, 0), (1, 1)]
    chain = [(1, 2), (2, 2), (2, 3)]
    interactions = pd.DataFrame(core + chain, columns=["user", "item"])
    assert sorted(k_core(interactions, 2).itertuples(index=False, name=None)) == core
    assert len(k_core(interactions, 0)) == 7
    assert len(k_core(interactions, 3)) == 0
