"""What ``dvc repro`` runs again after which change, in a copy of the project with short trainings."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.clone import Clone


def test_the_first_run_the_second_and_a_wrong_name(tmp_path: Path) -> None:
    """In one test, because each step leans on the one before and a first run takes half a minute."""
    clone = Clone.committed(tmp_path)
    assert len(clone.repro()["ran"]) == 1 + 3 + 2 * 2 + 4
    assert clone.repro() == {"ran": ["check"], "cached": []}
    assert clone.dvc("status").split() == ["check:", "always", "changed"]
    clone.change("\n- pmtrec\n", "\n- pmtrek\n")
    output = clone.dvc("repro", code=255)
    assert "pmtrec: error: params.yaml: methods: there is no 'pmtrek'. Fix: write 'pmtrec'" in output


@pytest.mark.slow
def test_a_change_there_and_back_and_what_dvc_shows(tmp_path: Path) -> None:
    clone, of = Clone.committed(tmp_path), "demo-{}-0".format
    clone.repro()
    masked = "combiners: {pmtrec: {mask_absent: true}}\n"
    clone.change("custom: {}", masked + "custom: {}")
    only_that_rule = [f"{stage}@{of('pmtrec')}" for stage in ("evaluate", "train")]
    ran = set(clone.repro()["ran"])
    after = {"check", "collect", "compare", "track"}
    assert ran - {"refit@demo"} == {*after, *only_that_rule}, "the refit only if another method is the best now"

    clone.change(masked, "")
    back = clone.repro()
    assert back["ran"] == ["check", "track"]
    assert {f"train@{of('pmtrec')}", f"evaluate@{of('pmtrec')}", "collect", "compare"} <= set(back["cached"])

    assert "demo.pmtrec" in clone.dvc("metrics", "show")
    clone.dvc("plots", "show", "-o", "dvc_plots")
    page = (clone.root / "dvc_plots/index.html").read_text()
    assert page.count("https://vega.github.io/schema/vega-lite/v5.json") == 3
    assert all(name in page for name in ("NDCG@20 on validation", "#2ca02c", '"method": "pmtrec"'))
    assert "DVC_METRIC" not in page


@pytest.mark.slow
def test_a_second_seed_trains_that_seed_alone(tmp_path: Path) -> None:
    clone = Clone.committed(tmp_path)
    clone.repro()
    clone.change("\n- 0\n", "\n- 0\n- 1\n")
    new_seed = [f"{stage}@demo-{m}-1" for stage in ("evaluate", "train") for m in ("pmtrec", "single_task")]
    assert set(clone.repro()["ran"]) - {"refit@demo"} == {"check", "collect", "compare", "track", *new_seed}

    assert "seeds" in clone.dvc("params", "diff")
    trainings = "filter_string=\"run_name LIKE '% seed %'\""
    runs = subprocess.run(
        [sys.executable, "-c", f"import mlflow; print(len(mlflow.search_runs(search_all_experiments=True, {trainings})))"],
        cwd=tmp_path,
        env=os.environ | {"MLFLOW_TRACKING_URI": f"sqlite:///{clone.root}/mlflow.db"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert int(runs.stdout) == 2 + 2


@pytest.mark.slow
def test_edits_of_the_code(tmp_path: Path) -> None:
    """What they make stale, seen from DVC; tests/test_fingerprint.py sees it in seconds."""
    clone = Clone.committed(tmp_path)
    clone.repro()
    after = {"check", "collect", "compare", "track"}
    rule = "pipeline/combiners/pmtrec.py"
    clone.change('"""PMTRec: ', '"""PMTRec:  ', file=rule)
    clone.change("def train_epochs(", "# a comment\ndef train_epochs(", file="pipeline/training/loop.py")
    clone.change("_SPARE = 64", "_SPARE = 63", file="pipeline/ranking/recommender.py")
    assert clone.repro()["ran"] == ["check", "collect", "track"], "a docstring, a comment and the served model retrain nothing"

    clone.change("_LARGEST = 1e30", "_LARGEST = 1e29", file=rule)
    edited = [f"train@demo-pmtrec-{seed}" for seed in (0,)]
    again = set(clone.repro()["ran"]) - {"refit@demo"}
    assert again == {*after, *edited}, "that rule alone; it gives the same bytes, but what it took is in the report"

    helper = clone.root / "pipeline/combiners/_helper.py"
    helper.write_text("HALF = 1 / 2\n")
    clone.change(
        "from pipeline.combiners._groups import",
        "from pipeline.combiners import _helper\nfrom pipeline.combiners._groups import",
        file=rule,
    )
    clone.change("return math.exp(min(", "return 2 * _helper.HALF * math.exp(min(", file=rule)
    assert set(clone.repro()["ran"]) - {"refit@demo"} == {*after, *edited}
    helper.write_text("HALF = 1 / 4\n")
    assert set(edited) < set(clone.repro()["ran"]), "a helper is followed, whatever form its import has"
