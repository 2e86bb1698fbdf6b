"""Plug-in options: the keyword-only parameters of a constructor are the valid keys of its section."""

import inspect
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

import pydantic
from pydantic import BaseModel

from pipeline import plugins
from pipeline.config.overrides import LIKE, RULE
from pipeline.config.run_config import RunConfig
from pipeline.config.validation_errors import error_lines
from pipeline.errors import ParamsError
from pipeline.plugins import METHOD_KINDS
from pipeline.strict_model import StrictModel

__all__ = ["PlugIn", "method_of", "options_schema", "plugin_of", "rule_name", "rule_of"]

_RULE = "single_task"

PlugIn = tuple[str, dict[str, Any]]
"""The file of a plug-in, and all its options, also those that params.yaml leaves at their defaults."""


def method_of(config: RunConfig, name: str) -> PlugIn:
    """The rule, solver or baseline of a method: the file of that name, or that of the method it is ``like``.

    ``{like: pmtrec, focus: none}`` is the rule and the options of the method pmtrec, with one changed.

    Raises:
        ParamsError: As ``read_config``.
    """
    plug_in, options = _section_of(config, name)
    kind = _kind_of(config, name)
    if kind == "solvers":
        options.pop(RULE, None)
    return plug_in, _checked(config, kind, plug_in, options, name)


def rule_name(config: RunConfig, solver: str) -> str:
    """The method of ``combiners`` that gives a solver its weights."""
    name: str = _section_of(config, solver)[1].get(RULE, _RULE)
    return name


def rule_of(config: RunConfig, solver: str) -> PlugIn:
    """The rule that gives a solver its weights: the method of ``combiners`` that its section names, by default single_task.

    Raises:
        ParamsError: As ``read_config``, and if the rule gives no weights.
    """
    _, options = _section_of(config, solver)
    name = rule_name(config, solver)
    rule = method_of(config, name)
    place, kind = config.place("solvers", solver, RULE), plugins.load("combiners", rule[0])
    if not kind.weighs:
        raise ParamsError(f"{place}: {name} gives no weights >= 0 per task and row. Fix: name another rule")
    if not kind.uses_side_tasks and (unused := [key for key in options if key.endswith("_attributes") and options[key]]):
        raise ParamsError(f"{place}: {name} uses no side tasks, so {unused[0]} would do nothing. Fix: write equal_weights")
    return rule


def _section_of(config: RunConfig, name: str) -> tuple[str, dict[str, Any]]:
    """The plug-in of a method, and its options as they are written."""
    plug_in, options, names = name, dict(config.method_sections[name]), [name]
    while LIKE in options:
        plug_in = options.pop(LIKE)
        names.append(plug_in)
        if plug_in in names[:-1]:
            chain = " -> ".join(names)
            place = config.place(_kind_of(config, name), name)
            raise ParamsError(f"{place}: `like` forms a cycle: {chain}. Fix: name a rule, a solver or a baseline")
        options = config.method_sections[plug_in] | options
    return plug_in, options


def _kind_of(config: RunConfig, name: str) -> str:
    return next(kind for kind in METHOD_KINDS if name in getattr(config, kind))


def plugin_of(
    config: RunConfig, kind: str, name: str, changes: Mapping[str, Any] | None = None, place: str | None = None
) -> PlugIn:
    """An encoder, a loss or an optimiser with its options, some of them changed.

    Args:
        config: What params.yaml says.
        kind: Of the plug-in.
        name: File of the plug-in.
        changes: Options that are not those of its section.
        place: Where these stand, for the error line.

    Raises:
        ParamsError: As ``read_config``.
    """
    return name, _checked(
        config, kind, name, {**getattr(config, kind).get(name, {}), **(changes or {})}, name, place if changes else None
    )


def _checked(
    config: RunConfig, kind: str, plug_in: str, options: dict[str, Any], section: str, place: str | None = None
) -> dict[str, Any]:
    schema = options_schema(plugins.load(kind, plug_in))
    try:
        return dict(schema.model_validate(options))
    except pydantic.ValidationError as error:
        key = config.key(kind, section) if place is None else place.removeprefix(f"{config.path}: ")
        raise ParamsError(*error_lines(config.path, error, schema, key)) from error


@cache
def options_schema(factory: Callable[..., Any]) -> type[BaseModel]:
    """Keys, types and defaults of the options of a plug-in."""
    parameters = inspect.signature(factory, eval_str=True).parameters.values()
    fields: dict[str, Any] = {
        p.name: (p.annotation, ... if p.default is p.empty else p.default) for p in parameters if p.kind is p.KEYWORD_ONLY
    }
    if bare := [name for name, (annotation, _) in fields.items() if annotation is inspect.Parameter.empty]:
        raise ParamsError(f"{factory.__module__}.{factory.__name__}: option {bare[0]} has no type. Fix: annotate it")
    return pydantic.create_model("Options", __base__=StrictModel, **fields)
