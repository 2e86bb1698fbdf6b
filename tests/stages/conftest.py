"""A project in which the whole DAG has run, for the tests that look at what it left."""

from pathlib import Path

import pytest

from tests.project import Project


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A project in which everything has run once."""
    with pytest.MonkeyPatch.context() as patch:
        root = tmp_path_factory.mktemp("project")
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        patch.setenv("DVC_ROOT", str(root))
        return Project.finished(root)


@pytest.fixture
def project(finished: Project, tmp_path: Path) -> Project:
    """A copy of it that a test may change, with the same tracking database."""
    return finished.copy_to(tmp_path)
