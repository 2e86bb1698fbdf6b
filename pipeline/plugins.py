"""A name in params.yaml -> the one public object of a plug-in module.

A plug-in is a module of one of the plug-in rooms that is neither ``base`` (what a plug-in of the room is) nor begins with an
underscore (what several of them share); its file name is its name in params.yaml, and its ``__all__`` holds one name. Adding
the file is all there is to adding a plug-in.
"""

import importlib
from pathlib import Path
from typing import Any

from pipeline.errors import ParamsError, closest

__all__ = ["CUSTOM", "KINDS", "MAIN_TASK", "METHOD_KINDS", "RANKING", "load", "method_kind", "module_of", "names", "side_tasks"]

KINDS = ("baselines", "combiners", "datasets", "encoders", "losses", "metrics", "optimizers", "solvers", "tasks")

METHOD_KINDS = ("combiners", "solvers", "baselines")
"""Those whose plug-ins are methods; they share one namespace."""

MAIN_TASK = "recommendation"
RANKING = "ranking"
"""The task that any relation can be."""

CUSTOM = "custom"
"""The data set plug-in that is built from a description in params.yaml instead of being a data set itself."""

_BASE = "base"


def names(kind: str) -> list[str]:
    """The plug-ins of a kind (``"combiners"``, ``"datasets"``, ...), in alphabetical order, without importing them."""
    files = Path(__file__).with_name(kind).glob("*.py")
    return sorted(file.stem for file in files if file.stem != _BASE and not file.stem.startswith("_"))


def side_tasks() -> list[str]:
    """The tasks that are built by name: all but the main one and the general one."""
    return [name for name in names("tasks") if name not in (MAIN_TASK, RANKING)]


def method_kind(name: str) -> str:
    """The kind of the plug-in behind a method: one of ``METHOD_KINDS``."""
    return next((kind for kind in METHOD_KINDS if name in names(kind)), METHOD_KINDS[0])


def module_of(kind: str, name: str) -> str:
    """Dotted name of a plug-in's module."""
    return f"pipeline.{kind}.{name}"


def load(kind: str, name: str) -> Any:
    """The public object of plug-in ``name``.

    Raises:
        ParamsError: If there is no such plug-in (the message names the closest one), or the file is none.
    """
    valid = names(kind)
    if name not in valid:
        raise ParamsError(f"{kind}: there is no {name!r}.{closest(name, valid)}")
    try:
        module = importlib.import_module(module_of(kind, name))
    except (ImportError, SyntaxError) as error:
        raise ParamsError(f"pipeline/{kind}/{name}.py: cannot be imported: {error}. Fix: correct it or install it") from error
    public = list(getattr(module, "__all__", []))
    if len(public) != 1:
        raise ParamsError(f"pipeline/{kind}/{name}.py: __all__ has {len(public)} names. Fix: name the one plug-in in it")
    return getattr(module, public[0])
