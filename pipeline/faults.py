"""What pydantic finds wrong in params.yaml -> lines that a person can act on."""

from pathlib import Path
from typing import cast, get_args, get_origin

import pydantic
from pydantic import BaseModel

from pipeline.errors import closest

__all__ = ["fault_lines"]


def fault_lines(
    path: Path, error: pydantic.ValidationError, schema: type[BaseModel], prefix: tuple[str, ...] = ()
) -> list[str]:
    """One line per fault that pydantic found; ``prefix`` is the key path of what ``schema`` describes."""
    lines = []
    for fault in error.errors(include_url=False):
        place = fault["loc"]
        key = ".".join(map(str, (*prefix, *place)))
        if fault["type"] == "extra_forbidden":
            text = f"unknown key.{closest(str(place[-1]), _keys(schema, place[:-1]))}"
        elif fault["type"] == "missing":
            text = "missing. Fix: add it"
        elif ". Fix: " in fault["msg"]:  # of a whole section
            text = fault["msg"].removeprefix("Value error, ")
        else:
            allowed = fault["msg"].removeprefix("Value error, ").removeprefix("Input should be ")
            allowed = allowed.replace("String should match pattern", "text of the pattern").replace(
                "String should have", "text of"
            )
            text = f"found {fault['input']!r}. Fix: write {allowed[:1].lower()}{allowed[1:]}"
        lines.append(f"{path}: {key}: {text}")
    return lines


def _keys(schema: type[BaseModel], place: tuple[int | str, ...]) -> list[str]:
    """Valid keys of the section at ``place``."""
    for key in place:
        if str(key) in schema.model_fields:
            schema = cast(type[BaseModel], schema.model_fields[str(key)].annotation)
        if get_origin(schema) is dict:  # whose keys are names of the user's choice
            schema = get_args(schema)[1]
    return list(schema.model_fields)
