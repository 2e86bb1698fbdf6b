"""What the stages `evaluate` and `compare` leave for a reader."""

import json

import pandas as pd
import pytest

from tests.project import METHODS, Project


def test_the_leader_board_has_every_method(finished: Project) -> None:
    headline = json.loads((finished.root / "reports/metrics.json").read_text())["demo"]
    assert set(headline) == set(METHODS)
    measured = json.loads((finished.root / "results/demo/pmtrec/0/metrics.json").read_text())
    assert headline["pmtrec"] == measured["ndcg@20"]
    board = pd.read_csv(finished.root / "reports/leaderboard.csv").set_index("method").loc["pmtrec"]
    assert {name: board[name] for name in measured} == pytest.approx(measured)
    assert "coverage@20" in measured
    assert set(pd.read_csv(finished.root / "reports/leaderboard.csv")["method"]) == set(METHODS)
    text = (finished.root / "reports/leaderboard.md").read_text()
    assert all(f"| {method} | 1 |" in text for method in METHODS)
    gains = pd.read_csv(finished.root / "reports/improvements.csv")
    assert set(gains["kind"]) == {"history", "social", "items"}
    assert set(gains["slice"]) == {"short", "medium", "long", "none", "few", "many", "head", "middle", "tail"}
    for picture in ("leaderboard.png", "improvements.png", "validation.png", "quality_time.png", "weights.png"):
        assert (finished.root / "reports" / picture).read_bytes().startswith(b"\x89PNG")


def test_the_report_is_one_file_with_its_pictures_inside(finished: Project) -> None:
    text = (finished.root / "reports/report.html").read_text()
    assert text.count('src="data:image/png;base64,') == 5
    assert "http" not in text
    assert all(method in text for method in METHODS)


def test_plots_have_a_row_per_epoch_and_per_method(finished: Project) -> None:
    curves = pd.read_csv(finished.root / "reports/curves.csv")
    assert curves.groupby("method")["epoch"].apply(list).to_dict() == {method: [1, 2] for method in METHODS}
    board = pd.read_csv(finished.root / "reports/board.csv")
    assert set(board["method"]) == set(METHODS)
    assert ((board["low"] < board["value"]) & (board["value"] < board["high"])).all()


def test_slices_show_ours_whatever_it_is_compared_with(project: Project) -> None:
    before = pd.read_csv(project.root / "reports/improvements.csv")
    project.change_params(**{"  against:  #": "  against: pmtrec  #"})
    project.check()
    project.compare()
    pd.testing.assert_frame_equal(pd.read_csv(project.root / "reports/improvements.csv"), before)
    assert set(pd.read_csv(project.root / "reports/leaderboard.csv")["baseline"].dropna()) == {"pmtrec"}


def test_metrics_are_the_means_of_the_values_per_user(finished: Project) -> None:
    result = finished.root / "results/demo/pmtrec/0"
    metrics = json.loads((result / "metrics.json").read_text())
    values = pd.read_parquet(result / "per_user.parquet")
    assert metrics["ndcg@20"] == pytest.approx(values["ndcg@20"].mean())
    of_users = {"recall", "ndcg", "precision", "hit_rate", "mrr"}
    of_all = {"coverage", "popularity"}
    assert {f"{name}@{k}" for name in of_users | of_all for k in (10, 20)} == set(metrics)
    groups = json.loads((result / "item_groups.json").read_text())
    assert set(groups) == {f"{group}@{k}" for group in ("head", "middle", "tail") for k in (10, 20)}
