"""Options of plug-ins: the keyword-only parameters of a constructor are the keys that its section may have."""

import inspect
from collections.abc import Callable, Mapping, Sequence
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
from pipeline.params import LIKE, Params, flat
from pipeline.section import Section

__all__ = ["Method", "check_all_options", "method_of", "described", "plugin_options", "settings"]


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


def settings(path: Path, params: Params, dataset: str, method: str) -> dict[str, Any]:
    """All that decides what a method learns from a data set, as JSON: it is trained anew exactly when this is another.

    Returns:
        ``rule``, ``encoder`` and ``loss`` with ``name`` and ``options``; the sections ``preprocess``, ``build_tasks`` and
        ``train``; ``sources``, the checksums of the plug-ins' code. A baseline has ``rule``, ``preprocess`` and ``sources``.

    Raises:
        ParamsError: As ``read_params``.
    """
    params = params.of(path, dataset, method)
    try:
        check_all_options(path, params, [method])
    except ParamsError as error:  # the sections as they stand in the file were checked before
        whose = f"(of {dataset}/{method}, by what overrides or tune.space change)"
        raise ParamsError(*(f"{line} {whose}" for line in str(error).splitlines())) from error
    found = method_of(path, params, method)
    kind = plugins.method_kind(found.rule)
    plug_ins = {"rule": (kind, found.rule, found.options)}
    sections = {"preprocess"}
    if kind == "combiners":
        sections |= {"build_tasks", "train"}
        for part, of_kind, name in (("encoder", "encoders", params.train.encoder), ("loss", "losses", params.train.loss)):
            plug_ins[part] = (of_kind, name, plugin_options(path, params, of_kind, name))
    parts = {part: {"name": name, "options": options} for part, (_, name, options) in plug_ins.items()}
    sources = {
        f"{kind}/{file}": code for kind, name, _ in plug_ins.values() for file, code in plugins.sources(kind, name).items()
    }
    return {**parts, **params.model_dump(mode="json", include=sections), "sources": sources}


def described(found: Mapping[str, Any]) -> dict[str, Any]:
    """Settings as key paths, as a run shows them: ``rule.name``, ``rule.scale``, ``train.lr``, ``loss.name``, ...

    A rule's options are not under its name, because methods share columns in MLflow.
    """
    parts = {part: {"name": of["name"], **of["options"]} for part, of in found.items() if part in ("rule", "encoder", "loss")}
    return flat(
        {**parts, **{section: found[section] for section in ("preprocess", "build_tasks", "train") if section in found}}
    )


def check_all_options(path: Path, params: Params, in_use: Sequence[str] | None = None) -> None:
    """Check the options of every plug-in that params.yaml has a section for, and build those in use for their own checks.

    Args:
        path: params.yaml, for error lines.
        params: What it says.
        in_use: Methods to build; by default ``methods``.

    Raises:
        ParamsError: As ``read_params``, for the first plug-in with a fault.
    """
    in_use = params.methods if in_use is None else in_use
    methods = {name: method_of(path, params, name) for name in params.combiners}
    nodes, pair = {USER: 1, ITEM: 1}, np.zeros(1, dtype=np.int64)
    relations = [Relation(plugins.MAIN_TASK, USER, ITEM, pair, pair, 1, 1)]
    smallest: dict[str, tuple[Any, ...]] = {
        "encoders": (NodeTypes(nodes), relations, 1, torch.Generator()),
        "losses": (relations[0], NodeTypes(nodes), 1, True),
        "combiners": ([plugins.MAIN_TASK, *params.side_tasks()], nodes),
    }
    # Baselines have nothing to build; the types of their options say what they may be.
    builds = [
        ("combiners", name, methods[name].rule, methods[name].options)
        for name in in_use
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


def _options_schema(factory: Callable[..., Any]) -> type[BaseModel]:
    parameters = inspect.signature(factory, eval_str=True).parameters.values()
    fields: dict[str, Any] = {
        p.name: (p.annotation, ... if p.default is p.empty else p.default) for p in parameters if p.kind is p.KEYWORD_ONLY
    }
    if bare := [name for name, (annotation, _) in fields.items() if annotation is inspect.Parameter.empty]:
        raise TypeError(f"{factory.__name__}: option {bare[0]} has no type annotation")
    return pydantic.create_model("Options", __base__=Section, **fields)
