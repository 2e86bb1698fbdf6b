"""Numba's files of compiled loops: what was damaged is compiled anew, and never loaded."""

import importlib
import importlib.util
from pathlib import Path
from types import ModuleType

import numba
import pytest
from numba.core.dispatcher import Dispatcher

from pipeline.kernels.checked_cache import _CheckedFile
from tests.sources import ROOT

pytestmark = pytest.mark.skipif(bool(numba.config.DISABLE_JIT), reason="NUMBA_DISABLE_JIT is set")  # type: ignore[attr-defined]

SOURCE = """
from numba import njit
from pipeline.kernels.checked_cache import checked

def total(values):
    sum_of = 0.0
    for value in values:
        sum_of += value
    return sum_of

total = checked(njit(cache=True)(total))
"""


def loaded(path: Path) -> ModuleType:
    """The module as a process would have it that has just begun."""
    spec = importlib.util.spec_from_file_location("summing", path)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def hits(module: ModuleType) -> int:
    assert module.total((1.5, 2.5)) == 4.0
    return sum(module.total.stats.cache_hits.values())


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(numba.config, "CACHE_DIR", str(tmp_path / "cache"))
    (tmp_path / "summing.py").write_text(SOURCE)
    assert hits(loaded(tmp_path / "summing.py")) == 0
    assert hits(loaded(tmp_path / "summing.py")) == 1, "whole files are used"
    return tmp_path


@pytest.mark.parametrize("suffix", [".nbi", ".nbc"])
@pytest.mark.parametrize("place", [0.0, 0.1, 0.5, 0.9, 1.0])
def test_a_file_with_a_flipped_bit_is_made_anew(cache: Path, suffix: str, place: float) -> None:
    (file,) = cache.rglob(f"*{suffix}")
    content = bytearray(file.read_bytes())
    content[int(place * (len(content) - 1))] ^= 4
    file.write_bytes(content)
    assert hits(loaded(cache / "summing.py")) == 0
    assert hits(loaded(cache / "summing.py")) == 1


@pytest.mark.parametrize("suffix", [".nbi", ".nbc"])
@pytest.mark.parametrize("length", [0, 5, 32, 100])
def test_a_file_that_was_cut_short_is_made_anew(cache: Path, suffix: str, length: int) -> None:
    (file,) = cache.rglob(f"*{suffix}")
    file.write_bytes(file.read_bytes()[:length])
    assert hits(loaded(cache / "summing.py")) == 0
    assert hits(loaded(cache / "summing.py")) == 1


def test_every_kernel_has_a_checked_cache() -> None:
    modules = [
        importlib.import_module(f"pipeline.kernels.{path.stem}") for path in (ROOT / "pipeline/kernels").glob("[a-z]*.py")
    ]
    kernels = [of for module in modules for of in vars(module).values() if isinstance(of, Dispatcher)]
    assert len(kernels) > 10
    assert {type(of._cache._cache_file) for of in kernels} == {_CheckedFile}  # type: ignore[attr-defined]
