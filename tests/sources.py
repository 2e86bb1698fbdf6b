"""Which project files there are and which of them a file imports."""

import ast
from pathlib import Path

ROOT = Path(__file__).parent.parent


def project_files() -> list[str]:
    """All modules of pipeline/ and stages/, without the package files."""
    files = [path for folder in ("pipeline", "stages") for path in (ROOT / folder).rglob("*.py")]
    return sorted(path.relative_to(ROOT).as_posix() for path in files if path.name != "__init__.py")


def imported_modules(path: str) -> set[str]:
    """Project files that a file imports by name, at any depth of its code."""
    found = set()
    for node in ast.walk(ast.parse((ROOT / path).read_text())):
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            names = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
        found |= {file for name in names if (ROOT / (file := name.replace(".", "/") + ".py")).is_file()}
    return found


def with_imports(paths: list[str]) -> set[str]:
    """The files and all that they import, directly or not."""
    found: set[str] = set()
    todo = list(paths)
    while todo:
        path = todo.pop()
        if path not in found:
            found.add(path)
            todo += imported_modules(path)
    return found
