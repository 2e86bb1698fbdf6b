"""Typed tables <-> Parquet with page checksums; declared sizes travel in the file's metadata."""

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet

from pipeline.data.ids import IdMap
from pipeline.data.processed import Processed
from pipeline.data.relation import NodeFeatures, Relation, SideTable
from pipeline.data.split import PARTS, Split
from pipeline.data.task_data import TaskData
from pipeline.errors import InputError, IntegrityError
from pipeline.integrity import read_json, write_json

__all__ = [
    "load_ids",
    "load_features",
    "load_processed",
    "load_sides",
    "load_split",
    "load_tasks",
    "read_parquet",
    "save_processed",
    "save_tasks",
    "write_parquet",
]

_METADATA = b"pmtrec"
_TITLES = "titles.parquet"


def write_parquet(path: Path, table: pd.DataFrame, metadata: Mapping[str, object] | None = None) -> None:
    """Write a table with page checksums, and ``metadata`` as JSON in its schema."""
    arrow = pa.Table.from_pandas(table, preserve_index=False)
    # Without pandas' own metadata the bytes depend on the values alone.
    arrow = arrow.replace_schema_metadata({_METADATA: json.dumps(metadata or {}, sort_keys=True).encode()})
    pyarrow.parquet.write_table(arrow, path, write_page_checksum=True)


def read_parquet(path: Path) -> tuple[pd.DataFrame, dict[str, Any]]:
    """Read a table and its metadata.

    Raises:
        InputError: If there is no such file.
        IntegrityError: If a page checksum does not match or the file is not Parquet.
    """
    try:
        arrow = pyarrow.parquet.read_table(path, page_checksum_verification=True)
    except FileNotFoundError as error:
        raise InputError(f"{path}: there is no such file. Fix: run dvc repro") from error
    except (pa.ArrowInvalid, OSError) as error:
        reason = str(error).splitlines()[0]
        raise IntegrityError(f"{path}: cannot be read ({reason}). Fix: pmtrec repair, then dvc repro") from error
    return arrow.to_pandas(), json.loads((arrow.schema.metadata or {}).get(_METADATA, b"{}"))


def save_processed(folder: Path, processed: Processed) -> None:
    """``{train,valid,test}.parquet``, and by name or node type ``ids/``, ``sides/`` and ``features/``."""
    split = processed.split
    for part in PARTS:
        sizes = {"n_users": split.n_users, "n_items": split.n_items}
        write_parquet(folder / f"{part}.parquet", getattr(split, part), sizes)
    (folder / "ids").mkdir()
    for node_type, id_map in processed.ids.items():
        write_parquet(folder / "ids" / f"{node_type}.parquet", pd.DataFrame({"id": id_map.index}))
    (folder / "sides").mkdir()
    for name, side in processed.sides.items():
        _write_relation(folder / "sides" / f"{name}.parquet", side.links, {"kind": side.kind})
    if processed.features:
        (folder / "features").mkdir()
    for node_type, described in processed.features.items():
        _write_features(folder / "features" / f"{node_type}.parquet", described)
    if processed.titles:
        titles = pd.DataFrame({"id": list(processed.titles), "title": list(processed.titles.values())}, dtype="str")
        write_parquet(folder / _TITLES, titles)


def load_split(folder: Path) -> Split:
    """The split of a processed data set."""
    tables = {part: read_parquet(folder / f"{part}.parquet") for part in PARTS}
    train, valid, test = (table for table, _ in tables.values())
    return Split(train, valid, test, **tables["train"][1])


def load_processed(folder: Path) -> Processed:
    """All of a processed data set."""
    ids = {path.stem: load_ids(folder, path.stem) for path in _tables(folder / "ids")}
    titles = read_parquet(folder / _TITLES)[0] if (folder / _TITLES).is_file() else pd.DataFrame({"id": [], "title": []})
    of_items = dict(zip(titles["id"], titles["title"], strict=True))
    return Processed(load_split(folder), ids, load_sides(folder), load_features(folder), of_items)


def load_ids(folder: Path, node_type: str) -> IdMap:
    """The id map of a node type of a processed data set."""
    table, _ = read_parquet(folder / "ids" / f"{node_type}.parquet")
    return IdMap(pd.Index(table["id"], dtype="str"))


def load_sides(folder: Path) -> dict[str, SideTable]:
    """The side tables of a processed data set, by name."""
    found = {path.stem: _read_relation(path) for path in _tables(folder / "sides")}
    return {name: SideTable(links, metadata["kind"]) for name, (links, metadata) in found.items()}


def load_features(folder: Path) -> dict[str, NodeFeatures]:
    """The features of the nodes of a processed data set, by node type."""
    return {path.stem: _read_features(path) for path in _tables(folder / "features")}


def _tables(folder: Path) -> list[Path]:
    """Of a folder that may be missing; one that cannot be read is an error, which ``Path.glob`` would take for an empty one."""
    return sorted(path for path in folder.iterdir() if path.suffix == ".parquet") if folder.is_dir() else []


def save_tasks(folder: Path, tasks: Sequence[TaskData], code_of: Callable[[TaskData], str] = lambda _: "") -> None:
    """``<place>-<task>.json`` for each task, and beside it its pairs and features; the main task's place is 0.

    Args:
        folder: An empty one.
        tasks: The main task first.
        code_of: What stands in the file for the code by which a task is trained, so that the file changes with the code.
    """
    for place, task in enumerate(tasks):
        stem = f"{place}-{task.name}"
        write_json(folder / f"{stem}.json", {"name": task.name, "kind": task.kind, "code": code_of(task)})
        if task.relation is not None:
            _write_relation(folder / f"{stem}.parquet", task.relation)
        if task.features is not None:
            _write_features(folder / f"{stem}.features.parquet", task.features)


def load_tasks(folder: Path, code_of: Callable[[TaskData], str] | None = None) -> list[TaskData]:
    """The tasks that ``save_tasks`` wrote, in the same order.

    Args:
        folder: What it filled.
        code_of: As of ``save_tasks``: refuses a task that was built for other code.

    Raises:
        InputError: If one was.
    """
    found = []
    listed = [path for path in folder.iterdir() if path.match("*-*.json")]
    for path in sorted(listed, key=lambda path: int(path.name.split("-")[0])):
        pairs, features = path.with_suffix(".parquet"), path.with_suffix(".features.parquet")
        described = read_json(path)
        task = TaskData(
            described["name"],
            described["kind"],
            relation=_read_relation(pairs)[0] if pairs.is_file() else None,
            features=_read_features(features) if features.is_file() else None,
        )
        if code_of is not None and described["code"] != code_of(task):
            raise InputError(f"{path}: the code of the task was modified after it was built. Fix: run dvc repro again")
        found.append(task)
    return found


_SIZES = ("name", "head_type", "tail_type", "n_heads", "n_tails")


def _write_relation(path: Path, relation: Relation, metadata: Mapping[str, object] | None = None) -> None:
    table = pd.DataFrame({"head": relation.heads, "tail": relation.tails, **relation.values})
    if relation.weights is not None:
        table["weight"] = relation.weights
    write_parquet(path, table, {key: getattr(relation, key) for key in _SIZES} | dict(metadata or {}))


def _read_relation(path: Path) -> tuple[Relation, dict[str, Any]]:
    table, metadata = read_parquet(path)
    heads, tails = (table[side].to_numpy(np.int64) for side in ("head", "tail"))
    weights = table["weight"].to_numpy(np.float64) if "weight" in table else None
    values = {str(name): table[name].to_numpy() for name in table.columns.difference(["head", "tail", "weight"], sort=False)}
    sizes = {key: metadata[key] for key in _SIZES}
    return Relation(heads=heads, tails=tails, weights=weights, values=values, **sizes), metadata


def _write_features(path: Path, features: NodeFeatures) -> None:
    table = pd.DataFrame(features.values, columns=list(features.names))
    write_parquet(path, table, {"node_type": features.node_type})


def _read_features(path: Path) -> NodeFeatures:
    table, metadata = read_parquet(path)
    return NodeFeatures(metadata["node_type"], table.to_numpy(np.float64), tuple(map(str, table.columns)))
