"""What the README says of own data is true as it stands there."""

import re
import shutil
from pathlib import Path

import pytest

from pipeline import plugins
from pipeline.inspection.profile import relations_of, summary
from stages import inspect_data
from tests.project import Project
from tests.sources import ROOT

README = (ROOT / "README.md").read_text()


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    """params.yaml with the example of the README, in a folder that has the files of the example."""
    (described,) = re.findall(r"```yaml\n(custom:\n.*?)```", README, re.DOTALL)
    shutil.copytree(ROOT / "tests/own_data", tmp_path / "tests/own_data")
    monkeypatch.chdir(tmp_path)
    project = Project.in_folder(tmp_path, "films")
    project.change_params(**{"custom: {}\n": described})
    return project


def test_the_example_of_own_data_prints_what_the_readme_shows(project: Project, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    project.run(inspect_data.main, params="params.yaml")
    (shown,) = re.findall(r"```\n( +rows .*?)```", README, re.DOTALL)
    for table in shown.strip("\n").split("\n\n"):
        assert table.strip("\n") in caplog.text
    assert "changed no side task" in caplog.text


def test_the_example_of_own_data_is_trained_evaluated_and_tracked(project: Project) -> None:
    project.data()
    project.train("pmtrec")
    project.evaluate("pmtrec")
    project.track()
    (run,) = project.runs()
    assert run.info.run_name == "films/pmtrec/0"
    assert {"train/loss/friends", "train/loss/genre", "test/ndcg_at_20"} <= set(run.data.metrics)


@pytest.mark.parametrize("name", sorted({*plugins.names("datasets")} - {plugins.CUSTOM}))
def test_the_page_of_a_data_set_shows_what_is_found(name: str, request: pytest.FixtureRequest, tmp_path: Path) -> None:
    if name != "demo":
        request.getfixturevalue("mirror")
    dataset = plugins.load("datasets", name)
    dataset.fetch(tmp_path)
    raw = dataset.read(tmp_path)
    page = (ROOT / f"docs/datasets/{name}.md").read_text()
    for table in (
        summary(raw).to_string(index=False, header=False),
        relations_of(raw).drop(columns="derived").to_string(index=False),
    ):
        assert table in page
