"""params.yaml -> frozen typed objects; an error names the key path, what was found and what is allowed.

What plug-ins ask of their own sections is checked in ``pipeline.options``.
"""

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any

import pydantic
from pydantic import Field
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from pipeline import plugins
from pipeline.data.description import Description, Name
from pipeline.errors import InputError, ParamsError, closest
from pipeline.faults import fault_lines
from pipeline.section import Section
from pipeline.sections import BuildTasks, Compare, Evaluate, OneOrMore, Preprocess, Train, Tune

__all__ = ["LIKE", "PLUGIN_KINDS", "Params", "flat", "merged", "read_params", "unchanged"]

PLUGIN_KINDS = ("encoders", "losses", "combiners")
LIKE = "like"
"""Key of a section of ``combiners`` that starts from another method (see ``pipeline.options.method_of``)."""


class _Changes(Section):
    """Parts of the sections of their names, to be put in their place."""

    train: dict[str, Any] = Field(default_factory=dict)
    encoders: dict[str, dict[str, Any]] = Field(default_factory=dict)
    losses: dict[str, dict[str, Any]] = Field(default_factory=dict)
    combiners: dict[str, dict[str, Any]] = Field(default_factory=dict)


class Override(_Changes):
    """Section ``overrides.<data set>``.

    Attributes:
        like: The data set that it is; by default that of its name.
        methods: What is other for a method alone.
    """

    like: str | None = None
    preprocess: dict[str, Any] = Field(default_factory=dict)
    build_tasks: dict[str, Any] = Field(default_factory=dict)
    methods: dict[str, _Changes] = Field(default_factory=dict)

    def changes(self, methods: Iterable[str]) -> dict[str, Any]:
        """For all methods, then for each of ``methods`` in turn."""
        found = self.model_dump(include={"preprocess", "build_tasks", "train", *PLUGIN_KINDS})
        for method in methods:
            if method in self.methods:
                found = merged(found, self.methods[method].model_dump())
        return found


class Params(Section):
    """The whole of params.yaml."""

    datasets: OneOrMore[str]
    methods: OneOrMore[str]
    seeds: OneOrMore[Annotated[int, Field(ge=0)]]
    preprocess: Preprocess
    build_tasks: BuildTasks
    train: Train
    evaluate: Evaluate
    compare: Compare
    tune: Tune
    encoders: dict[str, dict[str, Any]]
    losses: dict[str, dict[str, Any]]
    combiners: dict[Name, dict[str, Any]]
    custom: dict[Name, Description]
    overrides: dict[Name, Override]

    def source(self, dataset: str) -> str:
        """The data set that a name in ``datasets`` stands for: a file of pipeline/datasets/ or a section of ``custom``."""
        override = self.overrides.get(dataset)
        return override.like if override and override.like else dataset

    def sources(self) -> list[str]:
        """All data sets that there are."""
        return sorted({*plugins.names("datasets"), *self.custom} - {plugins.CUSTOM})

    def side_tasks(self) -> list[str]:
        """All side tasks that there can be: the files of pipeline/tasks/ and the relations of own data sets."""
        own = {name for described in self.custom.values() for name in described.relations}
        return sorted(own.union(plugins.side_tasks()))

    def of(self, path: Path, dataset: str, method: str | None = None) -> "Params":
        """The same with what ``overrides`` changes for a data set and, where one is given, for a method on it.

        A data set that is ``like`` another starts from the other's changes, and so does a method.

        Args:
            path: params.yaml, for error lines.
            dataset: A name in ``datasets``.
            method: A name in ``methods``.

        Raises:
            ParamsError: As ``read_params``.
        """
        content = self.model_dump(exclude={"custom", "overrides"})
        for name in dict.fromkeys((self.source(dataset), dataset)):
            if override := self.overrides.get(name):
                content = merged(content, override.changes(self.lineage(method)))
        whole = {**content, "custom": self.custom, "overrides": self.overrides}
        return _validated(path, whole, ("overrides", dataset, *(("methods", method) if method else ())))

    def lineage(self, method: str | None) -> list[str]:
        """The method and those that it is ``like``, the first of them first."""
        names: list[str] = []
        while method and method not in names:
            names.insert(0, method)
            method = self.combiners.get(method, {}).get(LIKE)
        return names

    def with_changes(self, dataset: str, method: str, changes: Mapping[str, Any]) -> "Params":
        """The same with more that is other for a method on a data set."""
        override = self.overrides.get(dataset, Override())
        old = override.methods.get(method, _Changes()).model_dump()
        methods = {**override.methods, method: _Changes.model_validate(merged(old, changes))}
        changed = override.model_copy(update={"methods": methods})
        return self.model_copy(update={"overrides": {**self.overrides, dataset: changed}})


def merged(content: dict[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """Sections are merged key by key, all else is replaced.

    >>> merged({"train": {"lr": 0.1, "dim": 2}}, {"train": {"lr": 0.2}})
    {'train': {'lr': 0.2, 'dim': 2}}
    """
    result = dict(content)
    for key, value in changes.items():
        old = result.get(key)
        result[key] = merged(old, value) if isinstance(old, dict) and isinstance(value, Mapping) else value
    return result


def read_params(path: Path) -> Params:
    """Read and check params.yaml (YAML 1.2), but for the types of plug-in options (see ``plugin_options``).

    Raises:
        ParamsError: One line per fault, naming the key path, what was found, what is allowed and the closest valid name.
    """
    try:
        content = YAML(typ="safe", pure=True).load(path)
    except FileNotFoundError as error:
        raise InputError(f"{path}: there is no such file. Fix: run in the folder of params.yaml") from error
    except (YAMLError, UnicodeDecodeError) as error:
        mark = getattr(error, "problem_mark", None)
        place = f"{path}:{mark.line + 1}" if mark else f"{path}"
        problem = getattr(error, "problem", None) or "not UTF-8 text"
        raise ParamsError(f"{place}: not valid YAML: {' '.join(problem.split())}. Fix: correct this line") from error
    if not isinstance(content, Mapping):
        raise ParamsError(f"{path}: found {content!r}. Fix: write sections ({', '.join(Params.model_fields)})")
    params = _validated(path, content)
    for dataset, override in params.overrides.items():
        for method in (None, *override.methods):
            params.of(path, dataset, method)
    return params


def _validated(path: Path, content: Mapping[str, Any], prefix: tuple[str, ...] = ()) -> Params:
    try:
        params = Params.model_validate(content)
    except pydantic.ValidationError as error:
        raise ParamsError(*fault_lines(path, error, Params, prefix)) from error
    _check_names(path, params, prefix)
    return params


def unchanged(path: Path, before: Params, used: Callable[[Params], object]) -> None:
    """Refuse to publish what was made with other params than stand in the file now.

    DVC notes the params after a stage has ended: an edit while it ran would be taken for what its output was made with.

    Args:
        path: params.yaml.
        before: What the stage read.
        used: The part of it that the stage uses.

    Raises:
        InputError: If that part reads differently.
    """
    if used(read_params(path)) != used(before):
        raise InputError(f"{path}: was changed while the stage ran, so its output is thrown away. Fix: run dvc repro again")


def _check_names(path: Path, params: Params, prefix: tuple[str, ...] = ()) -> None:
    """Every name in the lists and sections is that of a plug-in, and every method has its section of options."""
    metrics = [f"{metric}@{k}" for k in params.evaluate.cutoffs for metric in params.evaluate.metrics]
    uses: list[tuple[str, list[str], list[str]]] = [
        ("datasets", list(params.datasets), sorted({*params.sources(), *params.overrides})),
        *((f"overrides.{name}", [params.source(name)], params.sources()) for name in params.overrides),
        *((f"overrides.{name}.methods", list(one.methods), list(params.combiners)) for name, one in params.overrides.items()),
        ("methods", list(params.methods), list(params.combiners)),
        ("build_tasks.leave_out", list(params.build_tasks.leave_out), params.side_tasks()),
        ("build_tasks.placebo", list(params.build_tasks.placebo), params.side_tasks()),
        ("train.encoder", [params.train.encoder], plugins.names("encoders")),
        ("train.loss", [params.train.loss], plugins.names("losses")),
        ("evaluate.metrics", list(params.evaluate.metrics), plugins.names("metrics")),
        ("compare.method", [params.compare.method], list(params.combiners)),
        ("compare.metric", [params.compare.metric], metrics),
        ("compare.against", [params.compare.against or params.methods[0]], list(params.methods)),
        ("tune.methods", list(params.tune.methods), list(params.combiners)),
        *(
            (
                kind,
                [name for name, options in getattr(params, kind).items() if LIKE not in options],
                [*plugins.names(kind), *(plugins.names("baselines") if kind == "combiners" else [])],
            )
            for kind in PLUGIN_KINDS
        ),
        *(
            (f"combiners.{name}.{LIKE}", [options[LIKE]], [other for other in params.combiners if other != name])
            for name, options in params.combiners.items()
            if LIKE in options
        ),
        *(
            (f"combiners.{name}.by_task", list(options.get("by_task") or {}), params.side_tasks())
            for name, options in params.combiners.items()
        ),
    ]
    problems = [
        f"{path}: {'.'.join((*prefix, key))}: there is no {name!r}.{closest(name, valid)}"
        for key, found, valid in uses
        for name in found
        if name not in valid
    ]
    sections = (
        ("encoders", [params.train.encoder]),
        ("losses", [params.train.loss]),
    )
    problems += [
        f"{path}: {kind}.{name}: missing. Fix: add the section {kind}.{name}; {{}} means its defaults"
        for kind, found in sections
        for name in found
        if name in plugins.names(kind) and name not in getattr(params, kind)
    ]
    problems += [
        f"{path}: custom.{name}: pmtrec has a data set of this name. Fix: choose another"
        for name in params.custom
        if name in plugins.names("datasets")
    ]
    if problems:
        raise ParamsError(*problems)


def flat(section: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested keys as key paths.

    >>> flat({"train": {"lr": 0.1, "dim": 2}})
    {'train.lr': 0.1, 'train.dim': 2}
    """
    leaves: dict[str, Any] = {}
    for key, value in section.items():
        if isinstance(value, Mapping):
            leaves |= flat(value, f"{prefix}{key}.")
        else:
            leaves[f"{prefix}{key}"] = value
    return leaves
