import hashlib
import importlib
import re
from pathlib import Path

import pytest

from pipeline import plugins
from pipeline.errors import ParamsError

KINDS = ["combiners", "datasets", "encoders", "losses", "metrics", "tasks"]
ALL = [(kind, name) for kind in KINDS for name in plugins.names(kind)]


@pytest.mark.parametrize(("kind", "name"), ALL)
def test_a_plug_in_has_one_public_documented_object(kind: str, name: str) -> None:
    module = importlib.import_module(f"pipeline.{kind}.{name}")
    assert len(module.__all__) == 1
    assert module.__doc__
    plugins.load(kind, name)


@pytest.mark.parametrize(("kind", "name"), ALL)
def test_a_plug_in_has_a_test(kind: str, name: str) -> None:
    tests = "".join(path.read_text() for path in (Path(__file__).parent / kind).glob("*.py"))
    assert re.search(rf"\b{name}\b", tests)


def test_leading_underscores_are_no_plug_ins() -> None:
    assert {"equal_weights", "pmtrec", "single_task"} < set(plugins.names("combiners"))
    assert not [name for name in plugins.names("combiners") if name.startswith("_")]


def test_an_unknown_name_is_refused_with_the_closest() -> None:
    with pytest.raises(ParamsError) as refused:
        plugins.load("combiners", "pmtrek")
    valid = ", ".join(plugins.names("combiners"))
    assert str(refused.value) == f"combiners: there is no 'pmtrek'. Fix: write 'pmtrec' (valid: {valid})"


def test_sources_are_the_module_and_what_it_imports_of_its_package() -> None:
    assert list(plugins.sources("combiners", "equal_weights")) == ["_base.py", "equal_weights.py"]
    found = plugins.sources("combiners", "pcgrad")
    assert list(found) == ["_base.py", "_groups.py", "_torchjd.py", "pcgrad.py"]
    code = Path(plugins.__file__).parent / "combiners" / "pcgrad.py"
    assert found["pcgrad.py"] == hashlib.sha256(code.read_bytes()).hexdigest()
