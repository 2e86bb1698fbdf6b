"""What lies below params.yaml: the defaults, what a data set is usually prepared with, and settings that were tuned.

A key that params.yaml names wins over all of them, so that a change of it is never in vain; in ``preprocess`` and ``train`` a
``null`` names nothing.
"""

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import pydantic
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from pipeline import plugins
from pipeline.config.overrides import Changes, merged
from pipeline.config.validation_errors import error_lines
from pipeline.errors import InputError, ParamsError

__all__ = ["above_defaults", "defaults", "protocol", "read_tuned", "read_yaml", "said", "tuned_path", "write_tuned"]

_MOST_VALUES, _MOST_BITS = 100_000, 64  # of a file

_QUIET = ("preprocess", "train")  # sections in which null names nothing

Content = dict[str, Any]


@cache
def defaults() -> Content:
    """The content of defaults.yaml."""
    content: Content = read_yaml(Path(__file__).with_name("defaults.yaml"))
    return content


def said(content: Mapping[str, Any]) -> Content:
    """What params.yaml names: all of it, but for the nulls of sections in which they name nothing."""
    return {
        name: {key: value for key, value in section.items() if value is not None}
        if name in _QUIET and isinstance(section, Mapping)
        else section
        for name, section in content.items()
    }


def above_defaults(content: Mapping[str, Any], below: Mapping[str, Any] | None = None) -> Content:
    """Content laid over the defaults and what else lies below it; keys of ``tune`` are replaced, not mixed."""
    laid = merged(merged(defaults(), below or {}), content)
    if isinstance(tune := content.get("tune"), Mapping):
        laid["tune"] = {**defaults()["tune"], **tune}
    return laid


def protocol(source: str) -> Content:
    """How a data set is usually prepared, as changes; nothing for one of the user's own."""
    usual = plugins.load("datasets", source).preprocess if source in plugins.names("datasets") else {}
    return {"preprocess": dict(usual)} if usual else {}


def tuned_path(params: Path, settings: str, dataset: str, method: str) -> Path:
    """Where the tuned settings of a method on a data set stand."""
    return params.parent / "settings" / settings / dataset / f"{method}.yaml"


def read_tuned(path: Path) -> Content:
    """The tuned settings of a file, none where there is no file.

    Raises:
        ParamsError: If it is not what ``Changes`` describes.
    """
    if not path.is_file():
        return {}
    content = read_yaml(path)
    try:
        return Changes.model_validate(content).model_dump(exclude_defaults=True)
    except pydantic.ValidationError as error:
        raise ParamsError(*error_lines(path, error, Changes)) from error


def write_tuned(path: Path, values: Mapping[str, Any], comment: str) -> None:
    """Write the best settings of a search over those that stand there; the others stay. Replaced atomically.

    Args:
        path: See ``tuned_path``.
        values: The new values in nested sections.
        comment: What the first line says of where they come from.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_suffix(".new")
    with beside.open("w", encoding="utf-8") as file:
        file.write(f"# {comment}\n")
        YAML().dump(merged(read_tuned(path), values), file)
    beside.replace(path)


def read_yaml(path: Path) -> Any:
    """The content of a file in YAML 1.2.

    Raises:
        InputError: If there is no such file.
        ParamsError: If it is no YAML.
    """
    try:
        content = YAML(typ="safe", pure=True).load(path.read_text(encoding="utf-8-sig"))
    except FileNotFoundError as error:
        raise InputError(f"{path}: there is no such file. Fix: run from the folder that contains params.yaml") from error
    except IsADirectoryError as error:
        raise InputError(f"{path}: is a folder. Fix: run from the folder that contains params.yaml") from error
    except (YAMLError, ValueError, KeyError, IndexError, OverflowError, RecursionError) as error:  # 2023-02-30 is one
        mark = getattr(error, "problem_mark", None)
        place = f"{path}:{mark.line + 1}" if mark else f"{path}"
        what = "nested too deep" if isinstance(error, RecursionError) else str(error)[:200]
        problem = getattr(error, "problem", None) or ("not UTF-8 text" if isinstance(error, UnicodeError) else what)
        raise ParamsError(f"{place}: not valid YAML: {' '.join(problem.split())}. Fix: correct this line") from error
    _refuse_vast(content, path)
    return content


def _refuse_vast(content: Any, path: Path) -> None:
    """Aliases of aliases are a few lines that stand for more than any memory holds."""
    waiting, n_seen = [content], 0
    while waiting:
        one = waiting.pop()
        n_seen += 1
        if n_seen > _MOST_VALUES:
            raise ParamsError(f"{path}: more than {_MOST_VALUES:,} values, aliases counted. Fix: write fewer")
        if isinstance(one, int) and one.bit_length() > _MOST_BITS:
            raise ParamsError(f"{path}: an integer of more than {_MOST_BITS} bits. Fix: write a smaller one")
        if isinstance(one, dict):
            waiting.extend(one.values())
        elif isinstance(one, list):
            waiting.extend(one)
