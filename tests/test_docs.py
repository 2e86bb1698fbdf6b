"""What the pages say is true: their Python runs, their examples of data sets work, their pictures are what the code says."""

import re
import shutil
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest
from ruamel.yaml import YAML

from pipeline import plugins
from pipeline.commands.inspect import inspect_all
from pipeline.config.checked import checked_files
from pipeline.config.run_config import read_config
from pipeline.inspection.profile import relations_of, summary
from tests import architecture, tutorial
from tests.benchmarks import evidence, reproduction
from tests.project import Project
from tests.real import PUBLIC, read_real, skip_unless_at_hand
from tests.sources import CUSTOM, ROOT

PAGE = (ROOT / "docs/tutorials/own-data.md").read_text()


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    """params.yaml with the example of the PAGE, in a folder that has the files of the example."""
    (described,) = re.findall(r"```yaml\n(custom:\n.*?)```", PAGE, re.DOTALL)
    shutil.copytree(ROOT / "tests/own_data", tmp_path / "tests/own_data")
    monkeypatch.chdir(tmp_path)
    project = Project.in_folder(tmp_path, "films")
    project.change_params(**{CUSTOM: described})
    return project


def test_the_example_of_own_data_prints_what_the_page_shows(project: Project, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    inspect_all(project.root / "params.yaml")
    (shown,) = re.findall(r"```\n( +rows .*?)```", PAGE, re.DOTALL)
    for table in shown.strip("\n").split("\n\n"):
        assert table.strip("\n") in caplog.text
    assert "changed no side task" in caplog.text


def test_the_example_of_own_data_is_trained_evaluated_and_tracked(project: Project) -> None:
    project.change_params(**{"- single_task\n- equal_weights\n": ""})
    project.change_params(**{"tasks: {}": "tasks: {rating: {from_batch: true}}"})
    project.data()
    project.train("pmtrec")
    project.evaluate("pmtrec")
    project.collect()
    project.refit()
    project.track()
    (run,) = project.runs()
    assert run.info.run_name == "pmtrec seed 0"
    assert {"train/loss/friends", "train/loss/genre", "train/loss/rating", "test/ndcg_at_20"} <= set(run.data.metrics)


@pytest.mark.parametrize("name", sorted({*plugins.names("datasets")} - {plugins.CUSTOM}))
def test_the_page_of_a_data_set_shows_what_is_found(name: str, tmp_path: Path) -> None:
    if name in PUBLIC:
        skip_unless_at_hand(name)
    raw = read_real(name, tmp_path)
    page = (ROOT / f"docs/datasets/{name}.md").read_text()
    assert summary(raw).to_string(index=False, header=False) in page
    if raw.relations:
        assert relations_of(raw).drop(columns="derived").to_string(index=False) in page


PYTHON = ["README.md", *sorted(path.relative_to(ROOT).as_posix() for path in (ROOT / "docs/tutorials").glob("*.md"))]
PYTHON.remove(tutorial.PAGE.relative_to(ROOT).as_posix())  # writes files: tests/test_tutorial.py runs all of it


@pytest.mark.parametrize("name", [name for name in PYTHON if "```python" in (ROOT / name).read_text()])
def test_the_python_of_a_page_runs(name: str) -> None:
    """All blocks of a page, one after the other, as a reader would."""
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / name).read_text(), re.DOTALL)
    done = subprocess.run([sys.executable, "-c", "\n".join(blocks)], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "user_id" in done.stdout


def test_the_settings_that_a_page_shows_are_accepted(tmp_path: Path) -> None:
    """Each of its pieces of params.yaml takes the place of what stands there."""
    page = (ROOT / "docs/how-to/change-settings.md").read_text()
    blocks = re.findall(r"```yaml\n(.*?)```", page, re.DOTALL)
    assert len(blocks) == 3
    yaml = YAML(typ="safe", pure=True)
    params = {"combiners": {}, "solvers": {}, **yaml.load(ROOT / "params.yaml")}
    for block in blocks:
        shown = yaml.load(block)
        params |= shown | {kind: params[kind] | shown.get(kind, {}) for kind in ("combiners", "solvers")}
    yaml.dump(params, tmp_path / "params.yaml")
    config = read_config(tmp_path / "params.yaml")
    list(checked_files(config))
    assert config.datasets == ("lastfm", "lastfm_placebo")
    assert config.methods == ("ials_attributes", "ials_inverse")


@pytest.mark.parametrize("maker", [reproduction, evidence], ids=["reproduction", "evidence"])
def test_the_tables_of_a_page_are_what_its_results_say(maker: ModuleType) -> None:
    """`python -m tests.benchmarks.reproduction write` (or `evidence`) makes them anew."""
    page, tables = maker.PAGE.read_text(encoding="utf-8"), maker.tables()
    names = [name for name in re.findall(r"<!-- (.*?) -->", page) if name != "end"]
    assert names
    for name in names:
        assert f"<!-- {name} -->\n{tables[name]}\n<!-- end -->" in page


@pytest.mark.parametrize(
    "path",
    sorted(path for path in (ROOT / "docs").glob("*/**/*.yaml") if "_build" not in path.parts),
    ids=lambda path: path.name,
)
def test_the_params_files_of_the_docs_are_right(path: Path) -> None:
    list(checked_files(read_config(path)))


def test_the_picture_of_the_rooms_is_what_the_code_says() -> None:
    """`python -m tests.architecture` draws it anew."""
    assert architecture.PICTURE.read_text(encoding="utf-8") == architecture.picture()


def test_the_site_builds_without_a_warning(tmp_path: Path) -> None:
    """With every key of params.yaml and a page per plug-in."""
    pytest.importorskip("sphinx")
    command = [sys.executable, "-m", "sphinx", "-W", "--keep-going", "-q", str(ROOT / "docs"), str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    for kind in plugins.KINDS:
        for name in plugins.names(kind):
            assert (tmp_path / f"reference/{kind}/{name}.html").is_file()
    rows = (ROOT / "docs/reference/params.md").read_text()
    assert not re.findall(r"^.*\|  \|$", rows, re.MULTILINE), "a key without a meaning"
    keys = (tmp_path / "reference/params.html").read_text()
    assert all(key in keys for key in ("train.weight_decay", "preprocess.cold", "compare.against"))
