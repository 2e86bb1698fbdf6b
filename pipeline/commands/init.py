"""`pmtrec init`: a folder in which `dvc repro` works on somebody's own files; no clone of the repository is needed."""

import io
import os
import re
import shutil
import subprocess
import sys
import tempfile
import uuid
from collections.abc import Mapping
from importlib import resources
from pathlib import Path
from typing import Any

import pydantic
import typer
from ruamel.yaml import YAML

from pipeline import plugins
from pipeline.config.validation_errors import error_lines
from pipeline.data.raw.description import Description, Table
from pipeline.data.raw.remote import local_path
from pipeline.errors import InputError, MachineError, ParamsError, closest
from pipeline.reports.plot_data import TEMPLATES
from pipeline.terminal.screen import is_terminal, say

__all__ = ["init"]

_FIELDS = 5  # of --relation: name=file,from,to,column,column
_IGNORED = """/.venv/
/mlflow.db*
/mlartifacts/
/.*.lock
/.pmtrec/
/problems.csv
/data/
/models/
/costs/
/refits/
/results/
/reports/
/recommendations/
/dvc_plots/
/tuning.db
__pycache__/
"""


def init(
    folder: str,
    name: str,
    interactions: str | None,
    columns: Mapping[str, str | None],
    unit: str,
    relations: list[str],
    titles: str | None,
) -> None:
    """Write params.yaml, dvc.yaml, templates of plots and .gitignore, and start git and DVC.

    What is not given is asked for where somebody sits at the terminal.

    Args:
        folder: Not there yet, or empty.
        name: Of the data set.
        interactions: The log.
        columns: ``user``, ``item``, ``rating``, ``timestamp`` -> column.
        unit: Of the time stamps.
        relations: ``name=file,from,to,column,column``.
        titles: ``file,id column,title column``.

    Raises:
        InputError: If the folder holds something, or a file is not there.
        ParamsError: If what is described is no data set.
    """
    root = Path(folder)
    if root.exists() and (not root.is_dir() or any(root.iterdir())):
        raise InputError(f"{folder}: is not empty. Fix: name a folder that is not there yet")
    _check_name(name)
    described = _described(interactions, columns, unit, relations, titles)
    for table in described.tables().values():
        first = table.files()[0]
        if "://" not in first:
            if not Path(str(local_path(first))).is_file():
                raise InputError(f"{table.path}: there is no such file. Fix: correct its path")
            _check_columns(table, str(local_path(first)))
    try:
        root.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise MachineError(f"{folder}: cannot be made: {error.strerror}. Fix: name another folder") from error
    with tempfile.TemporaryDirectory(prefix=f".{root.name}.", dir=root.parent) as beside:  # whole, or not there
        made = Path(beside, root.name)
        made.mkdir()
        project = resources.files("pipeline.commands") / "project"
        (made / "dvc.yaml").write_text((project / "pipeline.yaml").read_text(encoding="utf-8"), encoding="utf-8")
        params = (project / "settings.yaml").read_text(encoding="utf-8")
        (made / "params.yaml").write_text(_with_data(params, name, described, root), encoding="utf-8")
        (made / ".gitignore").write_text(_IGNORED, encoding="utf-8")
        _start(made)
        if root.exists():
            root.rmdir()
        made.rename(root)
    say(f"{root}: params.yaml and dvc.yaml are written")
    say(f"Next: cd {root} && pmtrec inspect && dvc repro")


def _described(
    interactions: str | None, columns: Mapping[str, str | None], unit: str, relations: list[str], titles: str | None
) -> Description:
    log: dict[str, Any] = {"path": interactions or _ask("The file of interactions (CSV, TSV or Parquet)", "--interactions")}
    log |= _separated(log["path"])
    for key in ("user", "item"):
        log[key] = _column(columns[key] or _ask(f"Its column of {key}s", f"--{key}"))
    log |= {key: _column(of) for key in ("rating", "timestamp") if (of := columns[key])}
    if columns["timestamp"]:
        log["unit"] = unit
    content: dict[str, Any] = {"interactions": log, "relations": dict(map(_relation, relations))}
    if titles is not None:
        parts = titles.split(",")
        if len(parts) != 3:  # noqa: PLR2004
            raise InputError(f"--titles: {titles}: must be file,id column,title column. Fix: write items.csv,item_id,title")
        content["titles"] = {"path": parts[0], **_separated(parts[0]), "id": _column(parts[1]), "title": _column(parts[2])}
    try:
        return Description.model_validate(content)
    except pydantic.ValidationError as error:
        raise ParamsError(*error_lines(Path("pmtrec init"), error, Description)) from error


def _relation(text: str) -> tuple[str, dict[str, Any]]:
    name, _, rest = text.partition("=")
    parts = rest.split(",")
    if not name or len(parts) != _FIELDS:
        form = "name=file,from,to,column,column"
        raise InputError(f"--relation: {text}: must be {form}. Fix: write friends=friends.csv,user,user,user_id,friend_id")
    path, head_type, tail_type, head, tail = parts
    return name, {
        "path": path,
        **_separated(path),
        "between": [head_type, tail_type],
        "head": _column(head),
        "tail": _column(tail),
    }


def _separated(path: str) -> dict[str, str]:
    """The separator of a file, by its ending or its first line; nothing for commas, and for what cannot be looked at."""
    name = path.lower().removesuffix(".gz").removesuffix(".bz2").removesuffix(".zst")
    if name.endswith((".tsv", ".tab")):
        return {"separator": "\t"}
    if name != path.lower() or "://" in path or name.endswith(".parquet") or not Path(path).is_file():
        return {}
    with open(path, encoding="utf-8", errors="replace") as file:
        first = file.readline(2**16)
    found = max((";", "\t", "|", ","), key=first.count)
    return {} if found == "," or not first.count(found) else {"separator": found}


def _column(text: str) -> str | int:
    return int(text) if text.isdigit() else text


def _ask(question: str, option: str) -> str:
    if not is_terminal():
        raise InputError(f"{option}: is missing. Fix: write it, or start pmtrec init in a terminal, where it asks")
    answer: str = typer.prompt(question)
    return answer


def _with_data(params: str, name: str, described: Description, root: Path) -> str:
    """params.yaml with the data set instead of the demo, paths as they are seen from the new folder."""
    content = described.model_dump(mode="json", exclude_defaults=True)
    tables = [content["interactions"], *content.get("relations", {}).values()]
    for table in [*tables, *([content["titles"]] if described.titles else [])]:
        if "://" not in table["path"] and not table["path"].startswith(("~", "$")):
            table["path"] = os.path.relpath(table["path"], root)
    text = io.StringIO()
    yaml = YAML()
    yaml.dump({"custom": {name: content}}, text)
    for old, new in (("\n- demo\n", f"\n- {name}\n"), ("split: random  #", "split: stable  #"), _project()):
        if old not in params:
            raise InputError(f"params.yaml of pmtrec: has no line {old.strip()!r}. Fix: restore the file as it came")
        params = params.replace(old, new, 1)
    start = params.index("custom: {}")
    end = params.index("\n", start) + 1
    return params[:start] + text.getvalue() + params[end:]


def _project() -> tuple[str, str]:
    """A name for the project; with a letter first, because YAML takes 11173291 and 4e999999 for numbers."""
    return "  project:  #", f"  project: p{uuid.uuid4().hex[:8]}  #"


def _check_name(name: str) -> None:
    if not re.fullmatch(r"[a-z][a-z0-9_]*", name):
        raise ParamsError(f"--name: {name!r} must be small letters, digits and _, a letter first. Fix: write another")
    if name in plugins.names("datasets"):
        raise ParamsError(f"--name: {name!r} belongs to a built-in data set. Fix: write another")


def _check_columns(table: Table, path: str) -> None:
    """The columns that are named are in the header, so that a slip shows here."""
    named = [column for column in table.columns().values() if isinstance(column, str)]
    if path.endswith((".parquet", ".gz", ".bz2", ".zst")) or not named:
        return
    with open(path, encoding=table.encoding) as file:
        header = [field.strip().strip('"') for field in file.readline().rstrip("\r\n").split(table.separator)]
    if missing := [column for column in named if column not in header]:
        raise InputError(f"{path}: there is no column {missing[0]!r}.{closest(missing[0], header)}")


def _start(root: Path) -> None:
    """Git and DVC; without git DVC works alone."""
    has_git = shutil.which("git") is not None
    try:
        if has_git and not any((parent / ".git").exists() for parent in (root.resolve(), *root.resolve().parents)):
            subprocess.run(["git", "init", "--quiet"], cwd=root, check=True)
        inside_git = has_git and (root / ".git").exists()
        command = [
            sys.executable,
            "-m",
            "dvc",
            "init",
            "--quiet",
            *([] if inside_git else ["--subdir"] if has_git else ["--no-scm"]),
        ]
        subprocess.run(command, cwd=root, check=True, capture_output=True)
        settings = {"core.analytics": "false", "core.check_update": "false", "plots.html_template": "plots/page.html"}
        for setting, value in settings.items():
            subprocess.run([sys.executable, "-m", "dvc", "config", setting, value], cwd=root, check=True)
    except (OSError, subprocess.CalledProcessError) as error:
        problem = f"git or dvc could not be started: {error}"
        raise MachineError(f"{root}: {problem}. Fix: make sure that git works") from error
    shutil.copytree(TEMPLATES, root / ".dvc/plots", dirs_exist_ok=True)
