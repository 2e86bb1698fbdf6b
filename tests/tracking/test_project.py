"""Two clones, or two projects, on one MLflow server: neither touches what is the other's."""

import shutil
from pathlib import Path
from typing import Any

import pytest
from mlflow import MlflowClient

from pipeline.errors import InputError
from pipeline.tracking.project import CHECKOUT, checkout, owner, prefix
from pipeline.tracking.registry import CHAMPION, DATA, champion_version, promote
from pipeline.tracking.store import connect
from tests.project import Project


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A project whose runs are on a server."""
    with pytest.MonkeyPatch.context() as patch:
        root = tmp_path_factory.mktemp("one")
        patch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{root}/shared.db")
        patch.setenv("DVC_ROOT", str(root))
        return Project.finished(root)


@pytest.fixture
def server(finished: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A server of its own for each test, since some change what is there."""
    shutil.copy(finished.root / "shared.db", tmp_path)
    address = f"sqlite:///{tmp_path}/shared.db"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", address)
    return address


@pytest.fixture
def trained(finished: Project, server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    """That project, on that server, as if it had been moved: a copy would be another."""
    project = finished.copy_to(tmp_path / "one")
    mark = project.root / ".pmtrec/checkout"
    mark.write_text(f"{mark.read_text().split()[0]} {project.root}")
    monkeypatch.setenv("DVC_ROOT", str(project.root))
    return project


def clone_of(project: Project, root: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    clone = project.copy_to(root, without=[".pmtrec", "mlartifacts"])
    monkeypatch.setenv("DVC_ROOT", str(root))
    return clone


def state(client: MlflowClient, mark: str) -> dict[str, Any]:
    """All that is on the server of one clone: values are text, in which NaN is like itself."""
    ids = [one.experiment_id for one in client.search_experiments()]
    runs = [run for run in client.search_runs(ids) if run.data.tags.get(CHECKOUT) == mark]
    return {
        run.info.run_id: (
            run.info.run_name,
            str(sorted(run.data.metrics.items())),
            sorted((name, of) for name, of in run.data.tags.items() if name != "mlflow.user"),
            sorted((file.path, file.file_size) for file in client.list_artifacts(run.info.run_id)),
        )
        for run in runs
    }


@pytest.mark.parametrize("project", ["", "shop"])
def test_a_clone_with_other_cutoffs_leaves_the_runs_of_the_first_alone(
    server: str, trained: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, project: str
) -> None:
    if project:
        trained.change_params(**{"  project:  #": f"  project: {project}  #"})
    first, client = checkout(), MlflowClient(server)
    if project:  # as its own
        trained.track()
        trained.compare()
    before = state(client, first)
    assert {name for name, *_ in before.values()} >= {"comparison", "pmtrec seed 0", "single_task seed 0"}

    clone = clone_of(trained, tmp_path / "two", monkeypatch)
    second = checkout()
    assert first != second
    assert (owner() == project) if project else (owner() == second)
    clone.change_params(**{"  - 10\n  - 20\n": "  - 5\n  - 20\n", "metric: ndcg@20": "metric: ndcg@5"})
    clone.check()
    for method in ("single_task", "equal_weights", "pmtrec"):
        clone.evaluate(method)
    clone.collect()
    clone.track()
    clone.compare()
    assert state(client, first) == before
    theirs = state(client, second)
    assert [name for name, *_ in theirs.values()].count("comparison") == 1
    (pmtrec,) = [of for of in theirs.values() if of[0] == "pmtrec seed 0"]
    assert "test/ndcg_at_5" in pmtrec[1]
    assert "nan" not in pmtrec[1]

    clone.track()
    clone.compare()
    assert state(client, second).keys() == theirs.keys(), "a second time changes nothing"


def test_a_clone_of_the_same_project_finds_what_is_the_same(
    server: str, trained: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trained.change_params(**{"  project:  #": "  project: shop  #"})
    trained.track()
    clone = clone_of(trained, tmp_path / "two", monkeypatch)
    clone.track()
    assert state(MlflowClient(server), checkout()) == {}, "nothing is there twice"


def test_the_champion_of_another_project_is_not_replaced_by_one_of_other_data(
    server: str, trained: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = connect()
    now = champion_version(client, "demo")
    assert now
    theirs = client.get_model_version("pmtrec-demo", now[0])
    tags = {**theirs.tags, DATA: "others", "pmtrec.project": "another"}
    version = str(client.create_model_version("pmtrec-demo", str(theirs.source), theirs.run_id, tags=tags).version)
    (tmp_path / "params.yaml").write_text("tracking: {project: another}\n")
    monkeypatch.setenv("DVC_ROOT", str(tmp_path))
    with pytest.raises(InputError, match=r"the champion \(version \d+\) is another project's\. Fix: write tracking\.prefix"):
        promote(client, "demo", version)
    assert client.get_model_version_by_alias("pmtrec-demo", CHAMPION).version == theirs.version
    promote(client, "demo", version, force=True)
    assert str(client.get_model_version_by_alias("pmtrec-demo", CHAMPION).version) == version
    client.set_registered_model_alias("pmtrec-demo", CHAMPION, now[0])


def test_the_prefix_names_experiments_and_models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from pipeline.tracking.store import experiment_name

    monkeypatch.setenv("DVC_ROOT", str(tmp_path))
    assert experiment_name("demo") == "pmtrec-demo"
    (tmp_path / "params.yaml").write_text("tracking:\n  prefix: shop-a\n")
    assert experiment_name("demo") == "shop-a-demo"
    (tmp_path / "params.yaml").write_text("tracking: [broken\n")
    assert prefix() == "pmtrec", "the stage check says what is wrong"


def test_a_database_of_ones_own_has_no_owners(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DVC_ROOT", str(tmp_path))
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    assert (checkout(), owner()) == ("", "")
    assert not (tmp_path / ".pmtrec").exists()
