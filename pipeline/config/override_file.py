"""Round-trip edits of params.yaml: the results of a search are inserted, everything else stays as it was."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap

from pipeline.config.overrides import merged

__all__ = ["write_override"]

_NULL = "tag:yaml.org,2002:null"
_LONG = 2**16  # line width for the YAML writer, so that no line is wrapped


def write_override(path: Path, dataset: str, method: str, values: Mapping[str, Any]) -> None:
    """Write the settings of one method on one data set to the section ``overrides``.

    Args:
        path: params.yaml; replaced atomically, with its comments preserved.
        dataset: Name of the data set; others that share its section through a YAML alias keep the old content.
        method: Name of the method.
        values: The new values in nested sections.
    """
    yaml = YAML()
    yaml.width = _LONG
    yaml.indent(sequence=4, offset=2)
    yaml.representer.add_representer(type(None), lambda representer, _: representer.represent_scalar(_NULL, "null"))
    content = yaml.load(path)
    overrides = content["overrides"]
    of_dataset = _own(overrides, dataset, overrides.values())
    methods = _own(of_dataset, "methods", [(of or {}).get("methods") for of in overrides.values()])
    changed = CommentedMap(merged(methods.get(method) or {}, values))
    changed.fa.set_flow_style()
    methods[method] = changed
    beside = path.with_suffix(".new")
    yaml.dump(content, beside)
    beside.replace(path)


def _own(parent: CommentedMap, key: str, others: Iterable[Any]) -> CommentedMap:
    """The section under a key: a copy if others share it through an alias, a new one if there is none."""
    section: CommentedMap | None = parent.get(key)
    if section is None or sum(other is section for other in others) > 1:
        section = CommentedMap(section or {})
        parent[key] = section
    return section
