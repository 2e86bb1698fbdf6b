from inspect import signature
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from pipeline.api import prepare, train
from pipeline.config.arguments import preprocess_arguments, training
from pipeline.config.run_config import read_config
from pipeline.data.splitting import Splitting
from pipeline.errors import InputError
from pipeline.training.epoch import Epoch
from pipeline.training.learning import learn

CONFIG = read_config(Path(__file__).parents[1] / "params.yaml")


def test_the_demo_is_trained_and_recommends() -> None:
    epochs: list[Epoch] = []
    model = train(prepare("demo"), epochs=2, dim=8, method=("equal_weights", {}), loss=("bpr", {}), on_epoch=epochs.append)
    answer = model.recommend(["user-0007", "a stranger"], k=3)
    assert answer["rank"].tolist() == [1, 2, 3, 1, 2, 3]
    assert answer["basis"].tolist() == ["history"] * 3 + ["popular"] * 3
    assert [epoch.number for epoch in epochs] == [1, 2]


def test_a_baseline_is_a_method_too() -> None:
    assert len(train(prepare("demo"), method=("popularity", {})).recommend(["user-0007"], k=3)) == 3


@pytest.mark.parametrize(("rule", "setting"), [("popularity", {"epochs": 3}), ("pmtrec", {"epoch": 3})])
def test_a_setting_that_does_not_exist_is_refused(rule: str, setting: dict[str, Any]) -> None:
    with pytest.raises(TypeError, match=next(iter(setting))):
        train(prepare("demo"), method=(rule, {}), **setting)


def test_data_of_ones_own_with_features(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    pd.DataFrame({"u": rng.integers(0, 30, 400), "i": rng.integers(0, 20, 400), "price": rng.random(400)}).to_csv(
        tmp_path / "log.csv", index=False
    )
    pd.DataFrame({"item": [*range(19), 1], "weight_kg": range(20), "year": range(2000, 2020)}).to_csv(
        tmp_path / "items.csv", index=False
    )
    described = {
        "interactions": {"path": str(tmp_path / "log.csv"), "user": "u", "item": "i", "numbers": {"price": "price"}},
        "features": {"item": {"path": str(tmp_path / "items.csv"), "id": "item", "numbers": ["weight_kg", "year"]}},
    }
    data = prepare(described)
    features = data.processed.features["item"]
    assert features.names == ("weight_kg", "year")
    ids = list(data.processed.ids["item"].index)
    assert features.values[ids.index("7")].tolist() == [7, 2007]
    assert features.values[ids.index("1")].tolist() == [1, 2001], "of a repeated id, the first row"
    assert features.values[ids.index("19")].tolist() == [9, 2009], "of a node without a row, the means of the columns"
    relation = data.tasks[0].relation
    assert relation is not None
    assert relation.values["price"].shape == relation.heads.shape


def test_features_of_nothing_are_refused(tmp_path: Path) -> None:
    pd.DataFrame({"u": [n // 5 for n in range(25)], "i": [n % 5 for n in range(25)]}).to_csv(tmp_path / "log.csv", index=False)
    pd.DataFrame({"id": ["x"], "a": [1]}).to_csv(tmp_path / "f.csv", index=False)
    described = {
        "interactions": {"path": str(tmp_path / "log.csv"), "user": "u", "item": "i"},
        "features": {"item": {"path": str(tmp_path / "f.csv"), "id": "id", "numbers": ["a"]}},
    }
    with pytest.raises(InputError, match=r"features\.item: a describes no item\. Fix: check its ids, or leave it out"):
        prepare(described)


def test_defaults_of_the_library_are_those_of_params() -> None:
    defaults = {name: p.default for name, p in signature(learn).parameters.items() if p.default is not p.empty}
    arguments = training(CONFIG, "demo", "pmtrec")["arguments"]
    for name in ("dim", "lr", "weight_decay", "batch_size", "negatives", "epochs", "patience", "device", "threads"):
        assert defaults[name] == arguments[name], name
    for name in ("rule", "encoder", "loss", "optimizer"):
        assert defaults[name][0] == arguments[name][0]
    assert Splitting(**preprocess_arguments(CONFIG)["splitting"] | {"ratios": (0.8, 0.1, 0.1)}) == Splitting()
