"""End to end on the real Yelp files, where they are at hand."""

import json
from pathlib import Path

import pytest

from tests.project import Project
from tests.real import skip_unless_at_hand


def metrics_of(folder: Path, methods: list[str], epochs: int) -> list[dict[str, float]]:
    project = Project.in_folder(folder, "yelp", epochs)
    project.change_params(**{"\n- pmtrec\n": "\n- pmtrec_inverse\n"})
    project.data()
    for method in methods:
        project.train(method)
        project.evaluate(method)
    return [json.loads((project.root / project.result(method) / "metrics.json").read_text()) for method in methods]


def test_a_few_epochs_rank_better_than_chance(tmp_path: Path) -> None:
    """A random list of 20 of 14,284 businesses holds 0.14% of the relevant ones."""
    skip_unless_at_hand("yelp")
    (ours,) = metrics_of(tmp_path, ["pmtrec_inverse"], epochs=3)
    assert ours["recall@20"] > 10 * 20 / 14_284


@pytest.mark.slow
def test_pmtrec_inverse_beats_single_task(tmp_path: Path) -> None:
    skip_unless_at_hand("yelp")
    single, ours = metrics_of(tmp_path, ["single_task", "pmtrec_inverse"], epochs=40)
    assert ours["ndcg@20"] > single["ndcg@20"]
