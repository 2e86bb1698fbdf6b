from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from pipeline.data import storage
from pipeline.data.ids import IdMap
from pipeline.data.relation import Side
from pipeline.errors import InputError, IntegrityError
from tests.toy import checkerboard, small_relations


def test_a_processed_data_set_comes_back(tmp_path: Path) -> None:
    split, social = checkerboard()
    storage.save_processed(tmp_path, split, {"user": IdMap.of(["007", "NA"])}, {"social": Side(social, None)})
    loaded = storage.load_split(tmp_path)
    assert loaded.test.equals(split.test)
    assert (loaded.n_users, loaded.n_items) == (16, 16)
    assert list(storage.load_ids(tmp_path, "user").index) == ["007", "NA"]
    side = storage.load_sides(tmp_path)["social"].links
    assert np.array_equal(side.heads, social.heads)
    assert (side.head_type, side.n_tails) == ("user", 16)


def test_relations_come_back_in_their_order(tmp_path: Path) -> None:
    storage.save_relations(tmp_path, small_relations())
    assert [relation.name for relation in storage.load_relations(tmp_path)] == ["recommendation", "category", "social"]


def test_same_table_same_bytes(tmp_path: Path) -> None:
    table = pd.DataFrame({"x": [1, 2]})
    for name in ("a", "b"):
        storage.write_parquet(tmp_path / name, table)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_flipped_bits_in_the_data_are_noticed(tmp_path: Path) -> None:
    path = tmp_path / "t.parquet"
    storage.write_parquet(path, pd.DataFrame({"x": np.random.default_rng(0).integers(0, 2**60, 4000)}))
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    with pytest.raises(IntegrityError, match=r"t\.parquet: cannot be read \(.*\)\. Fix: remove it and run dvc repro"):
        storage.read_parquet(path)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError) as refused:
        storage.read_parquet(tmp_path / "t.parquet")
    assert str(refused.value) == f"{tmp_path / 't.parquet'}: there is no such file. Fix: run dvc repro"
