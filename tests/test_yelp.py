"""End to end on the real Yelp files, where they are at hand."""

import json
from pathlib import Path

import pytest

from stages import build_tasks, download, evaluate, preprocess, train
from tests.sources import ROOT


def trained(folder: Path, method: str, epochs: int) -> dict[str, float]:
    """Test metrics after at most so many epochs."""
    params = str(folder / "params.yaml")
    text = (ROOT / "params.yaml").read_text()
    (folder / "params.yaml").write_text(text.replace("epochs: 40", f"epochs: {epochs}").replace("threads: 2", "threads: 1"))
    paths = {name: str(folder / name) for name in ("raw", "processed", "tasks", "model", "result")}
    if not Path(paths["tasks"]).exists():
        download.main(["--dataset", "yelp", "--out", paths["raw"]])
        preprocess.main(["--dataset", "yelp", "--params", params, "--raw", paths["raw"], "--out", paths["processed"]])
        build_tasks.main(["--params", params, "--processed", paths["processed"], "--out", paths["tasks"]])
    names = ["--dataset", "yelp", "--method", method, "--seed", "0", "--params", params]
    train.main([*names, "--processed", paths["processed"], "--tasks", paths["tasks"], "--out", paths["model"]])
    evaluate.main(["--params", params, "--processed", paths["processed"], "--model", paths["model"], "--out", paths["result"]])
    metrics: dict[str, float] = json.loads((folder / "result/metrics.json").read_text())
    return metrics


def test_a_few_epochs_rank_better_than_chance(mirror: Path, tmp_path: Path) -> None:
    """A random list of 20 of 14,284 businesses holds 0.14% of the relevant ones."""
    assert mirror.is_dir()
    assert trained(tmp_path, "pmtrec", epochs=3)["recall@20"] > 10 * 20 / 14_284


@pytest.mark.slow
def test_pmtrec_beats_single_task(mirror: Path, tmp_path: Path) -> None:
    assert mirror.is_dir()
    values = {method: trained(tmp_path, method, epochs=40)["ndcg@20"] for method in ("single_task", "pmtrec")}
    assert values["pmtrec"] > values["single_task"]
