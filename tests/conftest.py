from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from pipeline.training.device import make_deterministic
from tests.project import Project


@pytest.fixture(autouse=True, scope="session")
def _deterministic() -> None:
    make_deterministic(threads=1)


@pytest.fixture(autouse=True)
def _own_tracking(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No test writes into the tracking database of the person who runs it."""
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.setenv("DVC_ROOT", str(tmp_path))


@pytest.fixture
def two_threads() -> Iterator[None]:
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(1)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest test first: the workers then end together."""
    items.sort(key=lambda item: item.path.name != "test_dvc_repro.py")


@pytest.fixture(scope="session")
def asked(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A project as `dvc repro` leaves it, for all who ask its models and change nothing."""
    with pytest.MonkeyPatch.context() as patch:
        root = tmp_path_factory.mktemp("asked")
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        patch.setenv("DVC_ROOT", str(root))
        project = Project.finished(root)
        project.as_data_folder()
    return project


@pytest.fixture
def in_project(asked: Project, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder is that project."""
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.setenv("DVC_ROOT", str(asked.root))
    monkeypatch.chdir(asked.root)
    return asked.root
