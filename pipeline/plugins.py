"""A name in params.yaml -> the one public object of a plug-in module.

A plug-in is a module of one of the plug-in packages whose name has no leading underscore; its file name is its name in
params.yaml, and its ``__all__`` holds one name. Adding the file is all there is to adding a plug-in.
"""

import ast
import hashlib
import importlib
import pkgutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pipeline.errors import InputError, ParamsError, closest

__all__ = ["CUSTOM", "MAIN_TASK", "check_sources", "load", "method_kind", "names", "side_tasks", "sources"]

MAIN_TASK = "recommendation"
CUSTOM = "custom"
"""The data set plug-in that is made from a description instead of being one."""


def names(kind: str) -> list[str]:
    """The plug-ins of a kind (``"combiners"``, ``"datasets"``, ...), in alphabetical order, without importing them."""
    package = importlib.import_module(f"pipeline.{kind}")
    return sorted(module.name for module in pkgutil.iter_modules(package.__path__) if not module.name.startswith("_"))


def side_tasks() -> list[str]:
    """All tasks but the main one."""
    return [name for name in names("tasks") if name != MAIN_TASK]


def method_kind(name: str) -> str:
    """``"baselines"`` or ``"combiners"``: what the plug-in behind a method is. Their names are one space."""
    return "baselines" if name in names("baselines") else "combiners"


def load(kind: str, name: str) -> Any:
    """The public object of plug-in ``name``.

    Raises:
        ParamsError: If there is no such plug-in; the message names the closest one.
    """
    valid = names(kind)
    if name not in valid:
        raise ParamsError(f"{kind}: there is no {name!r}.{closest(name, valid)}")
    module = importlib.import_module(f"pipeline.{kind}.{name}")
    (public,) = module.__all__
    return getattr(module, public)


def sources(kind: str, name: str) -> dict[str, str]:
    """File name -> sha256 of a plug-in's module and of the ``_`` modules of its package that it imports, in turn."""
    package = importlib.import_module(f"pipeline.{kind}")
    found: dict[str, str] = {}
    wanted = [name]
    while wanted:
        module = wanted.pop()
        code = Path(package.__path__[0], f"{module}.py").read_bytes()
        found[f"{module}.py"] = hashlib.sha256(code).hexdigest()
        for node in ast.walk(ast.parse(code)):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith(f"pipeline.{kind}._"):
                imported = str(node.module).rpartition(".")[2]
                if f"{imported}.py" not in found:
                    wanted.append(imported)
    return dict(sorted(found.items()))


def check_sources(expected: Mapping[str, str]) -> None:
    """Hold plug-ins against the code by which DVC will know what they make.

    Args:
        expected: ``<kind>/<file>`` -> sha256.

    Raises:
        InputError: If a file has other code now.
    """
    for name, sha256 in expected.items():
        path = Path(__file__).parent / name
        if not path.is_file() or hashlib.sha256(path.read_bytes()).hexdigest() != sha256:
            fix = "run dvc repro, whose stage check reads it again"
            raise InputError(f"{path}: is not as it was when the stage check read it. Fix: {fix}")
