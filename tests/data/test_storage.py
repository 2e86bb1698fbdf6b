from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from pipeline.data import storage
from pipeline.data.ids import IdMap
from pipeline.data.processed import Processed
from pipeline.data.relation import NodeFeatures, SideTable
from pipeline.data.task_data import TaskData
from pipeline.errors import InputError, IntegrityError
from tests.toy import checkerboard, small_relations, tasks_of


def test_a_processed_data_set_comes_back(tmp_path: Path) -> None:
    split, social = checkerboard()
    features = NodeFeatures("user", np.arange(32.0).reshape(16, 2), ("age", "height"))
    processed = Processed(split, {"user": IdMap.of(["007", "NA"])}, {"social": SideTable(social, None)}, {"user": features})
    storage.save_processed(tmp_path, processed)
    loaded = storage.load_split(tmp_path)
    assert loaded.test.equals(split.test)
    assert (loaded.n_users, loaded.n_items) == (16, 16)
    assert list(storage.load_ids(tmp_path, "user").index) == ["007", "NA"]
    side = storage.load_sides(tmp_path)["social"].links
    assert np.array_equal(side.heads, social.heads)
    assert (side.head_type, side.n_tails) == ("user", 16)
    (described,) = storage.load_features(tmp_path).values()
    assert described.names == ("age", "height")
    assert np.array_equal(described.values, features.values)


def test_tasks_come_back_in_their_order_with_what_they_have(tmp_path: Path) -> None:
    features = NodeFeatures("item", np.eye(5), tuple("abcde"))
    ratings = replace(small_relations()[0], values={"rating": np.arange(5.0)})
    tasks = [*tasks_of([ratings]), TaskData("uniformity", "x"), TaskData("text", "y", features=features)]
    storage.save_tasks(tmp_path, tasks, lambda task: f"code of {task.kind}")
    found = storage.load_tasks(tmp_path)
    assert [(task.name, task.kind) for task in found] == [("recommendation", "ranking"), ("uniformity", "x"), ("text", "y")]
    assert [task.relation is None for task in found] == [False, True, True]
    assert found[0].relation is not None
    assert found[0].relation.values["rating"].tolist() == [0, 1, 2, 3, 4]
    assert found[2].features is not None
    assert np.array_equal(found[2].features.values, np.eye(5))


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
    with pytest.raises(IntegrityError, match=r"t\.parquet: cannot be read \(.*\)\. Fix: pmtrec repair, then dvc repro"):
        storage.read_parquet(path)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError) as refused:
        storage.read_parquet(tmp_path / "t.parquet")
    assert str(refused.value) == f"{tmp_path / 't.parquet'}: there is no such file. Fix: run dvc repro"
