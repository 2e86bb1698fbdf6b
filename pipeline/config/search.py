"""What params.yaml says of the search for settings."""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from pipeline import plugins
from pipeline.config.arguments import Training, training
from pipeline.config.overrides import flat
from pipeline.config.plugin_options import method_of
from pipeline.config.precedence import named_keys
from pipeline.config.run_config import RunConfig
from pipeline.config.trial_build import TrialBuild
from pipeline.errors import ParamsError
from pipeline.fingerprint import fingerprint
from pipeline.search_space import Range, Space

__all__ = [
    "before_search",
    "check_spaces",
    "nested",
    "refuse_vain",
    "search_name",
    "space_of",
    "stages_of",
    "start_values",
    "training_with",
]


def space_of(config: RunConfig, method: str) -> Space:
    """Search space of a method: its own keys, and ``tune.space`` if it follows gradients (has ``train``, encoder and loss)."""
    rule, _ = method_of(config, method)
    general = config.tune.space if plugins.method_kind(rule) == "combiners" else {}
    return {**general, **config.tune.methods.get(method, {})}


def stages_of(config: RunConfig, method: str) -> list[tuple[Space, int]]:
    """What is searched one after the other, each with its number of trials: all at once, or by ``tune.stages``."""
    space = space_of(config, method)
    groups = [{key: space[key] for key in keys if key in space} for keys in config.tune.stages]
    rest = {key: of for key, of in space.items() if not any(key in group for group in groups)}
    parts = [part for part in (*groups, rest) if part]
    each, more = divmod(config.tune.trials, max(len(parts), 1))
    return [(part, each + (place < more)) for place, part in enumerate(parts)]


def before_search(config: RunConfig, dataset: str, method: str) -> RunConfig:
    """The params without what an earlier search has written for a method on a data set."""
    return config.without_tuned(dataset, method)


def refuse_vain(config: RunConfig, dataset: str, method: str) -> None:
    """Refuse a search for what params.yaml names: whatever it finds would have no effect.

    Raises:
        ParamsError: If params.yaml names a key of the space.
    """
    named = named_keys(config, dataset, method)
    for key in space_of(config, method):
        if named.get(key) is not None:
            problem = f"{key} is {named[key]} here, which would win over what a search for {method} finds"
            raise ParamsError(f"{config.path}: {problem}. Fix: write null, or remove the key")


def start_values(config: RunConfig, dataset: str, method: str) -> dict[str, Any]:
    """Current values of the keys of the space, except those left at their defaults or not among the choices."""
    found = flat(config.resolved(dataset, method).model_dump(exclude={"custom", "overrides", "tune"}))
    space = space_of(config, method)
    return {
        key: found[key]
        for key, of in space.items()
        if key in found and (isinstance(found[key], int | float) if isinstance(of, Range) else found[key] in of.choices)
    }


def training_with(config: RunConfig, dataset: str, method: str, values: Mapping[str, Any]) -> Training:
    """What is trained with some values by key path."""
    return training(config.with_changes(dataset, method, nested(values)), dataset, method)


def search_name(
    config: RunConfig, dataset: str, method: str, data: str, space: Space, others: Mapping[str, Any] | None = None
) -> str:
    """A search with other data, fixed settings, space, way to search or code is a different search.

    Args:
        config: Without what an earlier search has written for the method (see ``before_search``).
        dataset: A name in ``datasets``.
        method: A name in ``methods``.
        data: Identifies the content of the data set, split and tasks included.
        space: What is searched.
        others: What its earlier stages have found; keys of later ones have the values of ``config``.
    """
    # The searched keys get constant values, because a search writes its result where these are read.
    fixed = {key: of.low if isinstance(of, Range) else of.choices[0] for key, of in space.items()}
    around: list[Any] = [data, {key: of.model_dump() for key, of in space.items()}, config.tune.sampler, config.tune.prune]
    trained = training_with(config, dataset, method, dict(others or {}) | fixed)
    modules = [plugins.module_of(kind, name) for kind, name in trained["plug_ins"]]
    around += [trained["arguments"], config.tune.seed, fingerprint("stages.train", *modules)]
    digest = hashlib.sha256(json.dumps(around, sort_keys=True).encode()).hexdigest()
    return f"{dataset}/{method}/{digest[:12]}"


def check_spaces(config: RunConfig, trial: TrialBuild) -> None:
    """Build every choice and both ends of every range of the methods in use, so that a search does not end in the middle.

    Raises:
        ParamsError: If a value is refused.
    """
    dataset = config.datasets[0]
    for method in config.methods:
        for key, of in space_of(config, method).items():
            for value in (of.low, of.high) if isinstance(of, Range) else of.choices:
                try:
                    training(config.with_changes(dataset, method, nested({key: value})), dataset, method, trial)
                except ParamsError as error:
                    raise ParamsError(
                        f"{config.place('tune')}: {key}: {value!r} is no value of {method}: {error.problems[0]}"
                    ) from error


def nested(values: Mapping[str, Any]) -> dict[str, Any]:
    """Expand dotted key paths into nested sections.

    >>> nested({"train.lr": 0.1, "train.dim": 2})
    {'train': {'lr': 0.1, 'dim': 2}}
    """
    sections: dict[str, Any] = {}
    for key, value in values.items():
        *path, last = key.split(".")
        section = sections
        for name in path:
            section = section.setdefault(name, {})
        section[last] = value
    return sections
