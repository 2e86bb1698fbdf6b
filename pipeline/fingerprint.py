"""One checksum over all code that a stage runs, so that DVC sees a change that bears on numbers, and no other.

It covers the import closure of some modules, whatever form an import has, as syntax trees without comments, docstrings,
layout, log lines and the texts of errors; the versions of the libraries that these modules import; and the minor version of
Python. What is loaded by name (``pipeline.plugins``) is not an import: the caller names those modules.
"""

import ast
import hashlib
import sys
from collections.abc import Mapping
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any

from pipeline.errors import InputError

__all__ = ["NEUTRAL", "check_code", "closure", "fingerprint", "imports_of", "libraries"]

_ROOT = Path(__file__).parents[1]
_PACKAGES = ("pipeline", "stages")

NEUTRAL = (
    "pipeline.config",  # what it says is in the file beside the fingerprint
    "pipeline.errors",
    "pipeline.fingerprint",
    "pipeline.inspection",
    "pipeline.processes",
    "pipeline.ranking.explanation",
    "pipeline.ranking.likeness",
    "pipeline.ranking.links",
    "pipeline.ranking.query",
    "pipeline.ranking.questions",
    "pipeline.ranking.recommender",
    "pipeline.ranking.storage",
    "pipeline.reports",
    "pipeline.secrets",
    "pipeline.sqlite_file",
    "pipeline.terminal",
    "pipeline.tracking",
    "stages._stage",
)
"""Rooms and modules without a bearing on numbers: how things are shown, tracked, served and reported."""

_LOG = "log"  # what every module calls its logger
_LEVELS = ("debug", "info", "warning", "error", "exception", "critical")

_COMPUTE_FOR = {
    "implicit": ("scipy", "threadpoolctl"),
    "numba": ("llvmlite",),
    "torchjd": ("clarabel", "cvxpy", "ecos", "qpsolvers", "quadprog"),
}
"""Library -> others by which it computes, which no module of ours imports."""


def fingerprint(*modules: str, whole: bool = False) -> str:
    """The checksum of what ``modules`` run.

    Args:
        modules: Dotted names, of a stage and of the plug-ins that it loads.
        whole: Count what is in ``NEUTRAL`` too: for a stage whose product it is.
    """
    sums = {module: _digest(_source(module)) for module in closure(*modules, whole=whole)}
    python = f"{sys.version_info.major}.{sys.version_info.minor}"
    content = [*sorted(sums.items()), *sorted(libraries(*modules, whole=whole).items()), ("python", python)]
    return hashlib.sha256("\n".join(f"{name} {value}" for name, value in content).encode()).hexdigest()


def check_code(recorded: Mapping[str, Any]) -> None:
    """Refuse to work by other code than DVC takes the output to be made by.

    Args:
        recorded: ``modules``, ``whole`` and the ``fingerprint`` that the stage ``check`` has found.

    Raises:
        InputError: If the code has another fingerprint now.
    """
    if fingerprint(*recorded["modules"], whole=recorded["whole"]) != recorded["fingerprint"]:
        stage = recorded["modules"][0]
        raise InputError(f"{stage}: code was modified after `check` recorded it. Fix: run dvc repro again")


@cache
def closure(*modules: str, whole: bool = False) -> frozenset[str]:
    """Modules of the project that ``modules`` import, in turn, themselves included; neutral ones are not followed."""
    found: set[str] = set()
    wanted = list(modules)
    while wanted:
        module = wanted.pop()
        if module in found or (module not in modules and not whole and _is_neutral(module)):
            continue
        found.add(module)
        wanted += _imports(module)[0]
    return frozenset(found)


def libraries(*modules: str, whole: bool = False) -> dict[str, str]:
    """Name -> version of what the closure imports that is neither ours nor part of Python."""
    names = {name for module in closure(*modules, whole=whole) for name in _imports(module)[1]} - sys.stdlib_module_names
    names |= {other for name in names for other in _COMPUTE_FOR.get(name, ())}
    return {name: _version(name) for name in names if name != "__future__"}


def imports_of(module: str) -> tuple[str, ...]:
    """Modules of the project that a module imports, the packages around them included."""
    return _imports(module)[0]


def _is_neutral(module: str) -> bool:
    return any(module == neutral or module.startswith(f"{neutral}.") for neutral in NEUTRAL)


@cache
def _version(name: str) -> str:
    """Of the distribution that has a module, without the local part: a CPU build of torch is that version of torch."""
    try:
        return metadata.version(name).partition("+")[0]
    except metadata.PackageNotFoundError:  # another name than the module's, or not installed
        found = sorted(set(metadata.packages_distributions().get(name, ())))
        return ", ".join(f"{one} {metadata.version(one)}" for one in found) or "absent"


def _source(module: str) -> Path:
    path = _ROOT.joinpath(*module.split("."))
    package = path / "__init__.py"
    return package if package.is_file() else path.with_suffix(".py")


def _exists(module: str) -> bool:
    return module.partition(".")[0] in _PACKAGES and _source(module).is_file()


@cache
def _imports(module: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Modules of ours that a module imports, the packages around them included, and first names of other ones."""
    ours: set[str] = set()
    others: set[str] = set()
    package = module if _source(module).name == "__init__.py" else module.rpartition(".")[0]
    for name in _named(_source(module).read_bytes(), package):
        if name.partition(".")[0] in _PACKAGES:
            parts = name.split(".")
            ours |= {".".join(parts[:end]) for end in range(1, len(parts) + 1)}
        else:
            others.add(name.partition(".")[0])
    return tuple(sorted(filter(_exists, ours))), tuple(sorted(others))


@cache
def _named(code: bytes, package: str) -> frozenset[str]:
    """Every name that might be a module, of all forms of import, but those for type checkers alone, which never run."""
    names: set[str] = set()
    wanted: list[ast.AST] = [ast.parse(code)]
    while wanted:
        node = wanted.pop()
        if isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING":
            wanted += node.orelse
            continue
        wanted += ast.iter_child_nodes(node)
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            above = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
            base = ".".join([*above, *([node.module] if node.module else [])])
            names |= {base, *(f"{base}.{alias.name}" for alias in node.names)}
    return frozenset(names)


@cache
def _digest(path: Path) -> str:
    return _digest_of(path.read_bytes())


@cache
def _digest_of(code: bytes) -> str:
    tree = Bare().visit(ast.parse(code))
    return hashlib.sha256(ast.dump(tree, annotate_fields=False).encode()).hexdigest()


class Bare(ast.NodeTransformer):
    """Takes away what has no bearing on what a module computes."""

    def generic_visit(self, node: ast.AST) -> ast.AST:
        """A body that is left empty gets the one statement that does nothing."""
        super().generic_visit(node)
        if getattr(node, "body", None) == [] and not isinstance(node, ast.Module):
            node.body = [ast.Pass()]  # type: ignore[attr-defined]
        return node

    def visit_Expr(self, node: ast.Expr) -> ast.AST | None:
        """A docstring, or a line for the log."""
        if isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
            return None
        return None if _is_log_call(node.value) else node

    def visit_Raise(self, node: ast.Raise) -> ast.AST:
        """What an error says; which error it is stays."""
        call = node.exc
        if isinstance(call, ast.Call) and ast.unparse(call.func).endswith("Error"):
            return ast.Raise(exc=call.func, cause=None)
        return node

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        """Texts that are put together for an error or the log and for nothing else."""
        self.generic_visit(node)
        read = {name.id for name in ast.walk(node) if isinstance(name, ast.Name) and isinstance(name.ctx, ast.Load)}
        return self.generic_visit(_WithoutTexts(read).visit(node))


class _WithoutTexts(ast.NodeTransformer):
    """Takes away assignments of texts to names that nothing reads."""

    def __init__(self, read: set[str]) -> None:
        self._read = read

    def visit_Assign(self, node: ast.Assign) -> ast.AST | None:
        names = [name for target in node.targets for name in ast.walk(target) if isinstance(name, ast.Name)]
        unread = all(isinstance(target, ast.Name | ast.Tuple) for target in node.targets)
        unread = unread and not any(name.id in self._read for name in names)
        return None if unread and _is_text(node.value) else node


def _is_text(node: ast.expr) -> bool:
    """Whether an expression is made of texts alone; what an f-string shows is computed for it."""
    if isinstance(node, ast.Tuple):
        return all(map(_is_text, node.elts))
    if isinstance(node, ast.BinOp):
        return _is_text(node.left) and _is_text(node.right)
    if isinstance(node, ast.IfExp):
        return _is_text(node.body) and _is_text(node.orelse)
    return isinstance(node, ast.JoinedStr) or (isinstance(node, ast.Constant) and isinstance(node.value, str))


def _is_log_call(node: ast.expr) -> bool:
    """``log.info("text", name)``."""
    return (
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr in _LEVELS
        and isinstance(node.func.value, ast.Name)
        and node.func.value.id == _LOG
    )
