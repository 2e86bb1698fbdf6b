import importlib
import re
from pathlib import Path

import pytest

from pipeline import plugins
from pipeline.errors import ParamsError

ALL = [(kind, name) for kind in plugins.KINDS for name in plugins.names(kind)]


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


def test_leading_underscores_and_the_base_are_no_plug_ins() -> None:
    assert {"equal_weights", "pmtrec", "single_task"} < set(plugins.names("combiners"))
    assert not [name for _, name in ALL if name.startswith("_") or name == "base"]


def test_an_unknown_name_is_refused_with_the_closest() -> None:
    with pytest.raises(ParamsError) as refused:
        plugins.load("combiners", "pmtrek")
    valid = ", ".join(plugins.names("combiners"))
    assert str(refused.value) == f"combiners: there is no 'pmtrek'. Fix: write 'pmtrec' (valid: {valid})"
