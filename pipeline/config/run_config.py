"""params.yaml, and what lies below it, -> one frozen, typed configuration that knows its file and its key paths.

An error names the key path, what was found and what is allowed. What plug-ins ask of their own sections is checked in
``pipeline.config.plugin_options``.
"""

from collections.abc import Collection, Mapping
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any

import pydantic
from pydantic import Field, PrivateAttr

from pipeline import plugins
from pipeline.config.layers import above_defaults, protocol, read_tuned, read_yaml, said, tuned_path
from pipeline.config.name_checks import name_problems
from pipeline.config.overrides import LIKE, Changes, Override, merged
from pipeline.config.schema import BuildTasks, Compare, Evaluate, OneOrMore, Preprocess, TaskSettings, Tracking, Train, Tune
from pipeline.config.validation_errors import error_lines
from pipeline.data.raw.description import Description, Name
from pipeline.errors import ParamsError, closest
from pipeline.strict_model import StrictModel

__all__ = ["RunConfig", "read_config"]

Options = dict[str, Any]

_SETTINGS = "tuned"  # what a search calls its settings where params.yaml has no name for them


class RunConfig(StrictModel):
    """The whole of params.yaml, laid over what it does not name (see ``pipeline.config.layers``)."""

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
    solvers: dict[Name, Options]
    baselines: dict[Name, Options]
    settings: Name | None = None
    tracking: Tracking = Field(default_factory=Tracking)
    custom: dict[Name, Description] = Field(default_factory=dict)
    overrides: dict[Name, Override] = Field(default_factory=dict)

    _path: Path = PrivateAttr(default=Path("params.yaml"))
    _place: str = PrivateAttr(default="")
    _said: dict[str, Any] = PrivateAttr(default_factory=dict)
    _untuned: frozenset[tuple[str, str]] = PrivateAttr(default=frozenset())

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
        """What holds for a data set and, if one is given, for a method on it.

        From the bottom: the defaults, how the data set is usually prepared, tuned settings, params.yaml, its ``overrides``. A
        data set that is ``like`` another inherits what holds for the other, and so does a method.

        Raises:
            ParamsError: As ``read_config``.
        """
        names, lineage = dict.fromkeys((self.source(dataset), dataset)), self.lineage(method)
        changes: dict[str, Any] = {}
        tuned = self.tuned(dataset, method)
        below = merged(protocol(self.source(dataset)), tuned)
        for name in names:
            if override := self.overrides.get(name):
                changes = merged(changes, override.changes(lineage))
        if not below and not changes:
            return self
        sections = {name: section for name, section in self._said.items() if name in {*below, *changes}}
        whole = above_defaults(merged(sections, changes), below)
        content = {name: getattr(self, name) for name in type(self).model_fields}
        content |= {name: whole[name] for name in {*below, *changes}}
        if changes or not tuned:
            keys = ("overrides", dataset, *(("methods", method) if method else ()))
            return _validated(self._path, content, ".".join(keys))
        return _validated(self.settings_file(dataset, str(method)), content)

    def tuned(self, dataset: str, method: str | None) -> dict[str, Any]:
        """The tuned settings of a method on a data set, those that it inherits included.

        Raises:
            ParamsError: If a file has what no settings can be.
        """
        found: dict[str, Any] = {}
        for name in dict.fromkeys((self.source(dataset), dataset)) if self.settings else ():
            for of in self.lineage(method):
                if (name, of) not in self._untuned:
                    found = merged(found, read_tuned(self.settings_file(name, of)))
        return found

    def settings_file(self, dataset: str, method: str) -> Path:
        """Where the tuned settings of a method on a data set stand, or would."""
        return tuned_path(self._path, self.settings or _SETTINGS, dataset, method)

    def without_tuned(self, dataset: str, method: str) -> "RunConfig":
        """The same without what a search has found for a method on a data set."""
        config = self.model_copy()
        config._untuned = self._untuned | {(dataset, method)}
        return config

    def named(self) -> dict[str, Any]:
        """What params.yaml itself names, as nested sections."""
        return self._said

    def with_changes(self, dataset: str, method: str, changes: Mapping[str, Any]) -> "RunConfig":
        """The same with further changes for a method on a data set."""
        override = self.overrides.get(dataset, Override())
        old = override.methods.get(method, Changes()).model_dump(exclude_defaults=True)
        methods = {**override.methods, method: Changes.model_validate(merged(old, changes))}
        changed = override.model_copy(update={"methods": methods})
        return self.model_copy(update={"overrides": {**self.overrides, dataset: changed}})


def read_config(path: Path, leave_out: Collection[str] = ()) -> RunConfig:
    """Read and validate params.yaml (YAML 1.2), except the types of plug-in options (see ``plugin_options``).

    Args:
        path: The file.
        leave_out: Own data sets that are taken as if they were not in it.

    Raises:
        InputError: If there is no such file.
        ParamsError: One line per error, with the key path, what was found, what is allowed and the closest valid name.
    """
    content = read_yaml(path)
    if not isinstance(content, Mapping):
        raise ParamsError(
            f"{path}: must hold sections (found {content!r}). Fix: write them ({', '.join(RunConfig.model_fields)})"
        )
    named = _without(said(content), leave_out)
    config = _validated(path, above_defaults(named))
    config._said = named
    sets = sorted(folder.name for folder in path.parent.joinpath("settings").glob("*") if folder.is_dir())
    if config.settings and sets and config.settings not in sets:
        raise ParamsError(f"{path}: settings: there is no {config.settings!r}.{closest(config.settings, sets)}")
    for dataset, override in config.overrides.items():
        for method in (None, *override.methods):
            config.resolved(dataset, method)
    return config


def _without(named: dict[str, Any], datasets: Collection[str]) -> dict[str, Any]:
    if not datasets:
        return named
    kept = {
        key: {name: of for name, of in named.get(key, {}).items() if name not in datasets} for key in ("custom", "overrides")
    }
    return {**named, **kept, "datasets": [name for name in named["datasets"] if name not in datasets]}


def _validated(path: Path, content: Mapping[str, Any], place: str = "") -> RunConfig:
    try:
        config = RunConfig.model_validate(content)
    except pydantic.ValidationError as error:
        raise ParamsError(*error_lines(path, error, RunConfig, place)) from error
    config._path, config._place = path, place
    if problems := name_problems(config):
        raise ParamsError(*problems)
    return config
