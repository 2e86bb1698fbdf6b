"""Typed tables <-> Parquet with page checksums; declared sizes travel in the file's metadata."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet

from pipeline.data.ids import IdMap
from pipeline.data.relation import Relation, Side
from pipeline.data.splitting import PARTS, Split
from pipeline.errors import InputError, IntegrityError

__all__ = [
    "load_ids",
    "load_relations",
    "load_sides",
    "load_split",
    "read_parquet",
    "save_processed",
    "save_relations",
    "write_parquet",
]

_METADATA = b"pmtrec"


def write_parquet(path: Path, table: pd.DataFrame, metadata: Mapping[str, object] | None = None) -> None:
    """Write a table with page checksums and, in the schema, a JSON object of ours."""
    arrow = pa.Table.from_pandas(table, preserve_index=False)
    # Without pandas' own metadata the bytes depend on the values alone.
    arrow = arrow.replace_schema_metadata({_METADATA: json.dumps(metadata or {}, sort_keys=True).encode()})
    pyarrow.parquet.write_table(arrow, path, write_page_checksum=True)


def read_parquet(path: Path) -> tuple[pd.DataFrame, dict[str, Any]]:
    """The table and the JSON object.

    Raises:
        InputError: If there is no such file.
        IntegrityError: If a page does not have its checksum or the file is no Parquet.
    """
    try:
        arrow = pyarrow.parquet.read_table(path, page_checksum_verification=True)
    except FileNotFoundError as error:
        raise InputError(f"{path}: there is no such file. Fix: run dvc repro") from error
    except (pa.ArrowInvalid, OSError) as error:
        reason = str(error).splitlines()[0]
        raise IntegrityError(f"{path}: cannot be read ({reason}). Fix: remove it and run dvc repro") from error
    return arrow.to_pandas(), json.loads((arrow.schema.metadata or {}).get(_METADATA, b"{}"))


def save_processed(folder: Path, split: Split, ids: Mapping[str, IdMap], sides: Mapping[str, Side]) -> None:
    """``{train,valid,test}.parquet``, ``ids/<node type>.parquet`` and ``sides/<name>.parquet``."""
    for part in PARTS:
        sizes = {"n_users": split.n_users, "n_items": split.n_items}
        write_parquet(folder / f"{part}.parquet", getattr(split, part), sizes)
    (folder / "ids").mkdir()
    for node_type, id_map in ids.items():
        write_parquet(folder / "ids" / f"{node_type}.parquet", pd.DataFrame({"id": id_map.index}))
    (folder / "sides").mkdir()
    for name, side in sides.items():
        _write_relation(folder / "sides" / f"{name}.parquet", side.links, {"form": side.form})


def load_split(folder: Path) -> Split:
    """The split of a processed data set."""
    tables = {part: read_parquet(folder / f"{part}.parquet") for part in PARTS}
    train, valid, test = (table for table, _ in tables.values())
    return Split(train, valid, test, **tables["train"][1])


def load_ids(folder: Path, node_type: str) -> IdMap:
    """The id map of a node type of a processed data set."""
    table, _ = read_parquet(folder / "ids" / f"{node_type}.parquet")
    return IdMap(pd.Index(table["id"], dtype="str"))


def load_sides(folder: Path) -> dict[str, Side]:
    """The side tables of a processed data set, by name."""
    found = {path.stem: _read_relation(path) for path in sorted((folder / "sides").glob("*.parquet"))}
    return {name: Side(links, metadata["form"]) for name, (links, metadata) in found.items()}


def save_relations(folder: Path, relations: list[Relation]) -> None:
    """``<place>-<task>.parquet`` for each task; the main task's place is 0."""
    for place, relation in enumerate(relations):
        _write_relation(folder / f"{place}-{relation.name}.parquet", relation)


def load_relations(folder: Path) -> list[Relation]:
    """The tasks that ``save_relations`` wrote, in the same order."""
    paths = sorted(folder.glob("*-*.parquet"), key=lambda path: int(path.name.split("-")[0]))
    return [_read_relation(path)[0] for path in paths]


_SIZES = ("name", "head_type", "tail_type", "n_heads", "n_tails")


def _write_relation(path: Path, relation: Relation, metadata: Mapping[str, object] | None = None) -> None:
    table = pd.DataFrame({"head": relation.heads, "tail": relation.tails})
    if relation.weights is not None:
        table["weight"] = relation.weights
    write_parquet(path, table, {key: getattr(relation, key) for key in _SIZES} | dict(metadata or {}))


def _read_relation(path: Path) -> tuple[Relation, dict[str, Any]]:
    table, metadata = read_parquet(path)
    heads, tails = (table[side].to_numpy(np.int64) for side in ("head", "tail"))
    weights = table["weight"].to_numpy(np.float64) if "weight" in table else None
    return Relation(heads=heads, tails=tails, weights=weights, **{key: metadata[key] for key in _SIZES}), metadata
