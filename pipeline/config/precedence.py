"""Which of two values wins where a key has several, so that none is lost without a word."""

from collections.abc import Iterator
from typing import Any

from pipeline.config.overrides import flat, merged
from pipeline.config.run_config import RunConfig

__all__ = ["named_keys", "unheard"]

_OTHERS = ("custom", "overrides", "tune")  # sections that hold no settings of a training


def named_keys(config: RunConfig, dataset: str, method: str) -> dict[str, Any]:
    """Key path -> value of all that params.yaml names for a method on a data set, ``overrides`` included."""
    return {**_general(config), **_overrides(config, dataset, method)}


def unheard(config: RunConfig) -> Iterator[str]:
    """A sentence for each value that another one wins over, of the data sets and methods in use."""
    for dataset in config.datasets:
        for method in config.methods:
            tuned, general = flat(config.tuned(dataset, method)), _general(config)
            special = _overrides(config, dataset, method)
            for key, value in {**general, **special}.items():
                if key in tuned and tuned[key] != value:
                    yield f"{dataset}/{method}: {key} is {value} by {config.path}, not {tuned[key]} as it was tuned"
            for key, value in special.items():
                if key in general and general[key] != value:
                    yield f"{dataset}/{method}: {key} is {value} by the section overrides, not {general[key]}"


def _general(config: RunConfig) -> dict[str, Any]:
    return flat({name: section for name, section in config.named().items() if name not in _OTHERS})


def _overrides(config: RunConfig, dataset: str, method: str) -> dict[str, Any]:
    changes: dict[str, Any] = {}
    for name in dict.fromkeys((config.source(dataset), dataset)):
        if override := config.overrides.get(name):
            changes = merged(changes, override.changes(config.lineage(method)))
    return flat(changes)
