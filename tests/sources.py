"""The rooms of the project, and who imports whom, read from the code."""

from pathlib import Path

from pipeline import plugins
from pipeline.fingerprint import closure, imports_of

ROOT = Path(__file__).parent.parent

CUSTOM = next(
    line for line in (ROOT / "params.yaml").read_text(encoding="utf-8").splitlines(True) if line.startswith("custom:")
)
"""The line of params.yaml in whose place a test describes a data set."""

# From the top down. A room sees the rooms of lower floors and itself; rooms of one floor do not see each other.
FLOORS: tuple[tuple[str, ...], ...] = (
    ("stages", "commands"),
    ("serving",),
    ("api", "terminal"),
    ("config", "inspection", "reports", "tracking", "training"),
    ("evaluation", "task_building"),
    plugins.KINDS,
    ("ranking",),
    ("data/raw",),
    ("data",),
    ("artifacts", "dvc_lock", "fingerprint", "kernels", "plugins", "search_space"),
    ("integrity", "memory"),
    ("errors", "metric_names", "processes", "secrets", "seeding", "sqlite_file", "states", "strict_model"),
)


def project_files() -> list[str]:
    """All modules of pipeline/ and stages/, without the package files."""
    files = [path for folder in ("pipeline", "stages") for path in (ROOT / folder).rglob("*.py")]
    return sorted(path.relative_to(ROOT).as_posix() for path in files if path.name != "__init__.py")


def module_of(path: str) -> str:
    """Dotted name of a file."""
    return path.removesuffix(".py").replace("/", ".")


def imported_modules(path: str) -> list[str]:
    """Modules of ours, packages left out, that a file imports at any depth of its code."""
    return [module for module in imports_of(module_of(path)) if not (ROOT / module.replace(".", "/")).is_dir()]


def room_of(module: str) -> str:
    """``pipeline.data.raw.remote`` -> ``data/raw``; a module right below ``pipeline`` is a room of its own."""
    parts = module.split(".")
    if parts[0] == "stages":
        return "stages"
    return "/".join(parts[1:-1]) or parts[-1]


def arrows() -> list[tuple[str, str]]:
    """(room, room that it imports), each once."""
    found = {(room_of(module_of(path)), room_of(imported)) for path in project_files() for imported in imported_modules(path)}
    return sorted((here, there) for here, there in found if here != there)


def files_run_by(*modules: str) -> set[str]:
    """Files of the closure of some modules."""
    files = {f"{module.replace('.', '/')}.py" for module in closure(*modules)}
    return {file for file in files if (ROOT / file).is_file()}
