"""Options of plug-ins: the keyword-only parameters of a constructor are the keys that its section may have."""

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pydantic
import torch
from pydantic import BaseModel

from pipeline import plugins
from pipeline.data.relation import ITEM, USER, NodeTypes, Relation
from pipeline.errors import ParamsError
from pipeline.faults import fault_lines
from pipeline.params import LIKE, Params, side_tasks
from pipeline.section import Section

__all__ = ["Method", "check_all_options", "method_of", "plugin_options"]


@dataclass(frozen=True)
class Method:
    """What a name in ``methods`` stands for.

    Attributes:
        rule: File of pipeline/combiners/ or pipeline/baselines/.
        options: All options of the rule, also those that params.yaml leaves at their defaults.
    """

    rule: str
    options: dict[str, Any]


def method_of(path: Path, params: Params, name: str) -> Method:
    """The rule of the section ``combiners.<name>``: the file of that name, or that of the method it is ``like``.

    ``{like: pmtrec, focus: none}`` is the rule and the options of the method pmtrec, with one changed.

    Raises:
        ParamsError: As ``read_params``.
    """
    rule, options, names = name, dict(params.combiners[name]), [name]
    while LIKE in options:
        rule = options.pop(LIKE)
        if rule in names:
            chain = " like ".join([*names, rule])
            raise ParamsError(f"{path}: combiners.{name}: {chain} goes in a circle. Fix: name a rule or a baseline")
        names.append(rule)
        options = params.combiners[rule] | options
    return Method(rule, _checked(path, plugins.load(plugins.method_kind(rule), rule), options, ("combiners", name)))


def plugin_options(path: Path, params: Params, kind: str, name: str) -> dict[str, Any]:
    """The options of an encoder or a loss, checked against the keyword-only parameters of its constructor.

    Raises:
        ParamsError: As ``read_params``.
    """
    return _checked(path, plugins.load(kind, name), getattr(params, kind)[name], (kind, name))


def _checked(path: Path, factory: Callable[..., Any], options: dict[str, Any], place: tuple[str, str]) -> dict[str, Any]:
    schema = _options_schema(factory)
    try:
        return dict(schema.model_validate(options))
    except pydantic.ValidationError as error:
        raise ParamsError(*fault_lines(path, error, schema, prefix=place)) from error


def check_all_options(path: Path, params: Params) -> dict[str, Method]:
    """Check the options of every plug-in that params.yaml has a section for, and build those in use for their own checks.

    Returns:
        What each name in ``methods`` stands for.

    Raises:
        ParamsError: As ``read_params``, for the first plug-in with a fault.
    """
    methods = {name: method_of(path, params, name) for name in params.combiners}
    nodes, pair = {USER: 1, ITEM: 1}, np.zeros(1, dtype=np.int64)
    relations = [Relation(plugins.MAIN_TASK, USER, ITEM, pair, pair, 1, 1)]
    smallest: dict[str, tuple[Any, ...]] = {
        "encoders": (NodeTypes(nodes), relations, 1, torch.Generator()),
        "losses": (relations[0], NodeTypes(nodes), 1, True),
        "combiners": ([plugins.MAIN_TASK, *side_tasks(params)], nodes),
    }
    # Baselines have nothing to build; the types of their options say what they may be.
    builds = [
        ("combiners", name, methods[name].rule, methods[name].options)
        for name in params.methods
        if plugins.method_kind(methods[name].rule) == "combiners"
    ]
    builds += [
        (kind, name, name, plugin_options(path, params, kind, name))
        for kind in ("encoders", "losses")
        for name in getattr(params, kind)
    ]
    for kind, name, plug_in, options in builds:
        try:
            plugins.load(kind, plug_in)(*smallest[kind], **options)
        except ValueError as error:
            raise ParamsError(f"{path}: {kind}.{name}.{error}. Fix: change it") from error
    return {name: methods[name] for name in params.methods}


def _options_schema(factory: Callable[..., Any]) -> type[BaseModel]:
    parameters = inspect.signature(factory, eval_str=True).parameters.values()
    fields: dict[str, Any] = {
        p.name: (p.annotation, ... if p.default is p.empty else p.default) for p in parameters if p.kind is p.KEYWORD_ONLY
    }
    if bare := [name for name, (annotation, _) in fields.items() if annotation is inspect.Parameter.empty]:
        raise TypeError(f"{factory.__name__}: option {bare[0]} has no type annotation")
    return pydantic.create_model("Options", __base__=Section, **fields)
