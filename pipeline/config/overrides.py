"""What params.yaml changes for one data set, or for one method on it."""

from collections.abc import Iterable, Mapping
from typing import Any

from pydantic import Field

from pipeline.strict_model import StrictModel

__all__ = ["LIKE", "RULE", "Changes", "Override", "flat", "merged"]

LIKE = "like"
"""Key of the section of a method that starts from another method."""

RULE = "rule"
"""Key of a section of ``solvers``: the method of ``combiners`` that gives the weights."""

Section = dict[str, Any]
Sections = dict[str, dict[str, Any]]


class Changes(StrictModel):
    """Parts of the sections of the same names.

    Attributes:
        train, tasks, encoders, losses, optimizers, combiners, solvers, baselines: Parts of these sections, merged into them.
    """

    train: Section = Field(default_factory=dict)
    tasks: Sections = Field(default_factory=dict)
    encoders: Sections = Field(default_factory=dict)
    losses: Sections = Field(default_factory=dict)
    optimizers: Sections = Field(default_factory=dict)
    combiners: Sections = Field(default_factory=dict)
    solvers: Sections = Field(default_factory=dict)
    baselines: Sections = Field(default_factory=dict)


class Override(Changes):
    """Section ``overrides.<data set>``.

    Attributes:
        like: The data set that it is; by default that of its name.
        preprocess, build_tasks: Parts of these sections, merged into them.
        methods: Method -> what is different for it alone.
    """

    like: str | None = None
    preprocess: Section = Field(default_factory=dict)
    build_tasks: Section = Field(default_factory=dict)
    methods: dict[str, Changes] = Field(default_factory=dict)

    def changes(self, methods: Iterable[str]) -> dict[str, Any]:
        """Of the data set, then of each of ``methods`` in turn; sections without changes are left out."""
        found = self.model_dump(exclude={"like", "methods"}, exclude_defaults=True)
        for method in methods:
            if method in self.methods:
                found = merged(found, self.methods[method].model_dump(exclude_defaults=True))
        return found


def merged(content: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """Sections are merged key by key, everything else is replaced.

    >>> merged({"train": {"lr": 0.1, "dim": 2}}, {"train": {"lr": 0.2}})
    {'train': {'lr': 0.2, 'dim': 2}}
    """
    result = dict(content)
    for key, value in changes.items():
        old = result.get(key)
        result[key] = merged(old, value) if isinstance(old, Mapping) and isinstance(value, Mapping) else value
    return result


def flat(section: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Flatten nested sections into dotted key paths.

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
