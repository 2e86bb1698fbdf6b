"""A user-supplied data set, described in the section ``custom`` of params.yaml."""

import logging
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd

from pipeline.data.raw.description import Description, Features, Links, Log, Titles
from pipeline.data.raw.reading import read_columns
from pipeline.data.raw.remote import copy_to
from pipeline.data.raw.table_schema import typed
from pipeline.data.split import TEST, TRAIN, VALID
from pipeline.data.tables import PART, TAIL_ID, RawRelation, RawTables
from pipeline.datasets.base import Dataset
from pipeline.errors import InputError, joined

__all__ = ["custom"]

log = logging.getLogger(__name__)


def custom(description: Mapping[str, Any]) -> Dataset:
    """The data set of a description, as JSON or as params.yaml has it.

    What its side tables reveal of held-out interactions is for its owner to know: a relation that was made from the
    interactions (who bought this also bought that) holds what is held out.
    """
    described = Description.model_validate(description)
    leaks = "relations have no dates, and one that was computed from the interactions contains held-out ones; see the lift"
    return Dataset(partial(_fetch, described), partial(_read, described), leaks)


def _fetch(described: Description, folder: Path) -> None:
    """Copy every file, under the name of its table; of several, each into a folder of that name."""
    for name, table in described.tables().items():
        addresses = table.files()
        if len(addresses) == 1:
            copy_to(folder / name, addresses[0], table.sha256)
            continue
        (folder / name).mkdir()
        for number, address in enumerate(addresses):
            copy_to(folder / name / f"{number:06}-{Path(address).name}", address, None)


def _read(described: Description, folder: Path) -> RawTables:
    """Read the files that ``_fetch`` put there; the problems of all of them are reported together."""
    found: dict[str, pd.DataFrame] = {}
    refused: list[InputError] = []
    for name, table in described.tables().items():
        try:
            found[name] = _read_files(folder / name, table)
        except InputError as error:
            refused.append(error)
    if refused:
        raise joined(refused)
    interactions = found["interactions"]
    if TEST in found:
        parts = {TRAIN: interactions, VALID: found[VALID], TEST: found[TEST]}
        interactions = pd.concat([table.assign(**{PART: part}) for part, table in parts.items()], ignore_index=True)
    sides = {name: RawRelation(*links.between, found[name], links.kind) for name, links in described.relations.items()}
    features = {node_type: found[f"features.{node_type}"] for node_type in described.features}
    return RawTables(interactions, sides, features, found.get("titles"))


def _read_files(path: Path, table: Log | Links | Features | Titles) -> pd.DataFrame:
    """The rows of all files of a table; the problems of all of them are reported together."""
    if not path.is_dir():
        return _read_file(path, table.path, table)
    tables: list[pd.DataFrame] = []
    refused: list[InputError] = []
    for file in sorted(path.iterdir()):
        try:
            tables.append(_read_file(file, file.name.partition("-")[2], table))
        except InputError as error:
            refused.append(error)
    if refused:
        raise joined(refused)
    return pd.concat(tables, ignore_index=True)


def _read_file(path: Path, where: str, table: Log | Links | Features | Titles) -> pd.DataFrame:
    log.info("reading %s (%.1f MiB)", where, path.stat().st_size / 2**20)
    columns = {ours: theirs for ours, theirs in table.columns().items() if theirs is not None}
    layout = table.layout()
    text = read_columns(path, where, columns, layout)
    if table.header is None and not layout.header:
        _refuse_header(text, where)
    if isinstance(table, Log):
        return typed(text, where, table.unit, list(table.numbers))
    if isinstance(table, Titles):
        return text
    if isinstance(table, Features):
        return typed(text, where, numbers=[str(column) for column in table.numbers])
    return typed(text if table.tail_separator is None else _one_tail_a_row(text, table.tail_separator), where)


def _refuse_header(text: pd.DataFrame, where: str) -> None:
    """Of a file that was not said to have none: a first row of words above columns of numbers."""
    numbers = text.apply(lambda column: column.str.fullmatch(r"-?[0-9]+(\.[0-9]+)?"))
    above = [name for name, is_number in numbers.items() if not is_number.iloc[0] and is_number.iloc[1:].all()]
    if above and len(text) > 1:
        problem = f"looks like a header ({text[above[0]].iloc[0]!r} above numbers)"
        raise InputError(f"{where}:{text.index[0]}: {problem}. Fix: set header: true, or header: false if it is data")


def _one_tail_a_row(text: pd.DataFrame, separator: str) -> pd.DataFrame:
    """Explode rows that list several tails into one row per tail, with the same number; drop rows that list none."""
    some = text[text[TAIL_ID] != ""]
    lists = some[TAIL_ID].str.split(separator, regex=False)
    return some.assign(**{TAIL_ID: lists}).explode(TAIL_ID).astype({TAIL_ID: "str"})
