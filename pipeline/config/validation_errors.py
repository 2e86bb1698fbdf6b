"""Pydantic validation errors of params.yaml -> one actionable line each."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast, get_args, get_origin

import pydantic
from pydantic import BaseModel

from pipeline.errors import closest

__all__ = ["error_lines"]


def error_lines(path: Path, error: pydantic.ValidationError, schema: type[BaseModel], place: str = "") -> list[str]:
    """One line per fault that pydantic found; ``place`` is the key path of what ``schema`` describes."""
    lines = []
    for fault in error.errors(include_url=False):
        keys = tuple(key for key in fault["loc"] if not str(key).startswith("<"))  # the tag of a member of a union
        key = ".".join(map(str, (*([place] if place else []), *keys)))
        if fault["type"] == "extra_forbidden":
            text = f"unknown key.{closest(str(keys[-1]), _keys(schema, keys[:-1]))}"
        elif fault["type"] == "missing":
            text = "missing. Fix: add it"
        elif ". Fix: " in fault["msg"]:  # raised by the validator of a whole section
            text = fault["msg"].removeprefix("Value error, ")
        else:
            # "Input should be greater than 0", "String should match ..."; validators of ours raise what a value must be.
            _, should, rule = fault["msg"].removeprefix("Value error, ").rpartition(" should ")
            text = f"must {rule if should else f'be {rule}'} (found {fault['input']!r}). Fix: change it"
        lines.append(f"{path}: {key}: {text}")
    return lines


def _keys(schema: type[BaseModel], place: tuple[int | str, ...]) -> list[str]:
    """Valid keys of the section at ``place``."""
    for key in place:
        if str(key) in getattr(schema, "model_fields", {}):
            schema = cast(type[BaseModel], schema.model_fields[str(key)].annotation)
        if get_origin(schema) is dict:  # keyed by names that the user chose
            schema = get_args(schema)[1]
    return list(dict.fromkeys(name for model in _models(schema) for name in model.model_fields))


def _models(schema: Any) -> Iterator[type[BaseModel]]:
    """The models of an annotation: one, or the members of a union."""
    if isinstance(schema, type) and issubclass(schema, BaseModel):
        yield schema
    else:
        for part in get_args(schema):
            yield from _models(part)
