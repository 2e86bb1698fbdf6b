from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from pipeline.training.device import make_deterministic


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
