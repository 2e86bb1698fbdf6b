"""params.yaml -> one frozen, typed configuration that knows its file and its key paths.

An error names the key path, what was found and what is allowed. What plug-ins ask of their own sections is checked in
``pipeline.config.plugin_options``.
"""

from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any

import pydantic
from pydantic import Field, PrivateAttr
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from pipeline import plugins
from pipeline.config.name_checks import name_problems
from pipeline.config.overrides import LIKE, Changes, Override, merged
from pipeline.config.schema import BuildTasks, Compare, Evaluate, OneOrMore, Preprocess, TaskSettings, Train, Tune
from pipeline.config.validation_errors import error_lines
from pipeline.data.raw.description import Description, Name
from pipeline.errors import InputError, ParamsError
from pipeline.strict_model import StrictModel

__all__ = ["RunConfig", "read_config"]

Options = dict[str, Any]


class RunConfig(StrictModel):
    """The whole of params.yaml."""

    datasets: OneOrMore[str]
    methods: OneOrMore[str]
    seeds: OneOrMore[Annotated[int, Field(ge=0)]]
    preprocess: Preprocess
    build_tasks: BuildTasks
    train: Train
    tasks: dict[Name, TaskSettings]
    evaluate: Evaluate
    compare: Compare
    tune: Tune
    encoders: dict[str, Options]
    losses: dict[str, Options]
    optimizers: dict[str, Options]
    combiners: dict[Name, Options]
    solvers: dict[Name, Options] = Field(default_factory=dict)
    baselines: dict[Name, Options]
    custom: dict[Name, Description]
    overrides: dict[Name, Override]

    _path: Path = PrivateAttr(default=Path("params.yaml"))
    _place: str = PrivateAttr(default="")

    @property
    def path(self) -> Path:
        """The file."""
        return self._path

    def key(self, *keys: str) -> str:
        """Key path of a key, also where it comes from an override."""
        return ".".join((*([self._place] if self._place else []), *keys))

    def place(self, *keys: str) -> str:
        """Where a key stands, for the beginning of an error line: file, and key path."""
        return f"{self._path}: {self.key(*keys)}"

    @cached_property
    def method_sections(self) -> dict[str, Options]:
        """Method -> its section, whatever kind of method it is."""
        return {**self.combiners, **self.solvers, **self.baselines}

    def source(self, dataset: str) -> str:
        """The data set that a name in ``datasets`` stands for: a file of pipeline/datasets/ or a section of ``custom``."""
        override = self.overrides.get(dataset)
        return override.like if override and override.like else dataset

    def sources(self) -> list[str]:
        """All available data sets, in alphabetical order."""
        return sorted({*plugins.names("datasets"), *self.custom} - {plugins.CUSTOM})

    def side_tasks(self) -> list[str]:
        """All possible side tasks: the files of pipeline/tasks/ and the relations of custom data sets."""
        own = {name for described in self.custom.values() for name in described.relations}
        return sorted(own.union(plugins.side_tasks()))

    def lineage(self, method: str | None) -> list[str]:
        """The chain of methods that a method inherits from through ``like``, root first, the method itself last."""
        names: list[str] = []
        while method and method not in names:
            names.insert(0, method)
            method = self.method_sections.get(method, {}).get(LIKE)
        return names

    def resolved(self, dataset: str, method: str | None = None) -> "RunConfig":
        """These params with the ``overrides`` for a data set and, if one is given, for a method on it applied.

        A data set that is ``like`` another inherits the overrides of the other, and so does a method.

        Raises:
            ParamsError: As ``read_config``.
        """
        changes: dict[str, Any] = {}
        for name in dict.fromkeys((self.source(dataset), dataset)):
            if override := self.overrides.get(name):
                changes = merged(changes, override.changes(self.lineage(method)))
        if not changes:
            return self
        keys = ("overrides", dataset, *(("methods", method) if method else ()))
        content = {name: getattr(self, name) for name in type(self).model_fields}
        plain = self.model_dump(include=set(changes))
        return _validated(self._path, content | merged(plain, changes), ".".join(keys))

    def with_changes(self, dataset: str, method: str, changes: Mapping[str, Any]) -> "RunConfig":
        """The same with further changes for a method on a data set."""
        override = self.overrides.get(dataset, Override())
        old = override.methods.get(method, Changes()).model_dump(exclude_defaults=True)
        methods = {**override.methods, method: Changes.model_validate(merged(old, changes))}
        changed = override.model_copy(update={"methods": methods})
        return self.model_copy(update={"overrides": {**self.overrides, dataset: changed}})


def read_config(path: Path) -> RunConfig:
    """Read and validate params.yaml (YAML 1.2), except the types of plug-in options (see ``plugin_options``).

    Raises:
        InputError: If there is no such file.
        ParamsError: One line per error, with the key path, what was found, what is allowed and the closest valid name.
    """
    try:
        content = YAML(typ="safe", pure=True).load(path)
    except FileNotFoundError as error:
        raise InputError(f"{path}: there is no such file. Fix: run from the folder that contains params.yaml") from error
    except (YAMLError, UnicodeDecodeError) as error:
        mark = getattr(error, "problem_mark", None)
        place = f"{path}:{mark.line + 1}" if mark else f"{path}"
        problem = getattr(error, "problem", None) or "not UTF-8 text"
        raise ParamsError(f"{place}: not valid YAML: {' '.join(problem.split())}. Fix: correct this line") from error
    if not isinstance(content, Mapping):
        raise ParamsError(
            f"{path}: must hold sections (found {content!r}). Fix: write them ({', '.join(RunConfig.model_fields)})"
        )
    config = _validated(path, content)
    for dataset, override in config.overrides.items():
        for method in (None, *override.methods):
            config.resolved(dataset, method)
    return config


def _validated(path: Path, content: Mapping[str, Any], place: str = "") -> RunConfig:
    try:
        config = RunConfig.model_validate(content)
    except pydantic.ValidationError as error:
        raise ParamsError(*error_lines(path, error, RunConfig, place)) from error
    config._path, config._place = path, place
    if problems := name_problems(config):
        raise ParamsError(*problems)
    return config
