from pathlib import Path

import pytest

from pipeline.data.tables import RawTables
from pipeline.datasets.demo import demo


@pytest.fixture(scope="module")
def raw(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("demo")
    demo.fetch(folder)
    return folder


@pytest.fixture(scope="module")
def tables(raw: Path) -> RawTables:
    return demo.read(raw)


def test_always_the_same_bytes(raw: Path, tmp_path: Path) -> None:
    demo.fetch(tmp_path)
    for path in raw.iterdir():
        assert (tmp_path / path.name).read_bytes() == path.read_bytes()


def test_size(tables: RawTables) -> None:
    interactions = tables.interactions
    assert len(interactions) == 60_000
    assert not interactions.duplicated(["user_id", "item_id"]).any()
    assert 1_900 < interactions["user_id"].nunique() <= 2_000
    assert 1_400 < interactions["item_id"].nunique() <= 1_500


def test_activity_has_a_long_tail(tables: RawTables) -> None:
    counts = tables.interactions["user_id"].value_counts()
    assert counts.iloc[:200].sum() / counts.sum() > 0.3  # the busiest tenth has more than three times its share
    assert counts.median() < 0.75 * counts.mean()


def test_friends_share_more_items_than_strangers(tables: RawTables) -> None:
    taken = tables.interactions.groupby("user_id")["item_id"].agg(set)
    links = tables.relations["social"].table

    def overlap(heads: list[str], tails: list[str]) -> float:
        pairs = [(taken[a], taken[b]) for a, b in zip(heads, tails, strict=True) if a in taken and b in taken]
        return sum(len(a & b) / len(a | b) for a, b in pairs) / len(pairs)

    friends = overlap(links["head_id"].tolist(), links["tail_id"].tolist())
    strangers = overlap(links["head_id"].tolist(), links["tail_id"].sample(frac=1, random_state=0).tolist())
    assert friends > 1.5 * strangers


def test_items_viewed_together_share_more_categories_than_others(tables: RawTables) -> None:
    category = tables.relations["category"].table.set_index("head_id")["tail_id"]
    views = tables.relations["co_view"].table.assign(category=lambda t: category[t["head_id"]].to_numpy())
    n_kinds = views.groupby("tail_id")["category"].nunique().mean()
    by_chance = views.assign(category=views["category"].sample(frac=1, random_state=0).to_numpy())
    assert n_kinds < 0.85 * by_chance.groupby("tail_id")["category"].nunique().mean()
