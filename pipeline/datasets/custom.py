"""A data set of somebody's own, described in the section ``custom`` of params.yaml."""

import logging
from functools import partial
from pathlib import Path

import pandas as pd

from pipeline.data.contract import typed
from pipeline.data.description import Description, Links, Log
from pipeline.data.reading import read_columns
from pipeline.data.remote import copy_to
from pipeline.data.splitting import TEST, TRAIN, VALID
from pipeline.data.tables import PART, TAIL_ID, RawRelation, RawTables
from pipeline.datasets._base import Dataset
from pipeline.errors import InputError, joined

__all__ = ["custom"]

log = logging.getLogger(__name__)


def custom(described: Description) -> Dataset:
    """The data set of a description.

    What its side tables reveal of held-out interactions is for its owner to know: a relation that was made from the
    interactions (who bought this also bought that) holds what is held out.
    """
    leaks = "relations have no dates here, and one that was made from the interactions holds what is held out; see the lift"
    return Dataset(partial(_fetch, described), partial(_read, described), leaks)


def _fetch(described: Description, folder: Path) -> None:
    """Every file under the name of its table."""
    for name, table in described.tables().items():
        copy_to(folder / name, table.path, table.sha256)


def _read(described: Description, folder: Path) -> RawTables:
    """Read the files that ``_fetch`` put there; faults of all of them are reported together."""
    found: dict[str, pd.DataFrame] = {}
    refused: list[InputError] = []
    for name, table in described.tables().items():
        try:
            found[name] = _read_table(folder / name, table)
        except InputError as error:
            refused.append(error)
    if refused:
        raise joined(refused)
    interactions = found["interactions"]
    if TEST in found:
        parts = {TRAIN: interactions, VALID: found[VALID], TEST: found[TEST]}
        interactions = pd.concat([table.assign(**{PART: part}) for part, table in parts.items()], ignore_index=True)
    sides = {name: RawRelation(*links.between, found[name], links.form) for name, links in described.relations.items()}
    return RawTables(interactions, sides)


def _read_table(path: Path, table: Log | Links) -> pd.DataFrame:
    log.info("reading %s (%.1f MiB)", table.path, path.stat().st_size / 2**20)
    columns = {ours: theirs for ours, theirs in table.columns().items() if theirs is not None}
    text = read_columns(path, table.path, columns, table.layout())
    if isinstance(table, Log):
        return typed(text, table.path, table.unit)
    return typed(text if table.tail_separator is None else _one_tail_a_row(text, table.tail_separator), table.path)


def _one_tail_a_row(text: pd.DataFrame, separator: str) -> pd.DataFrame:
    """Rows that list several tails become several rows of the same number; those that list none are dropped."""
    some = text[text[TAIL_ID] != ""]
    lists = some[TAIL_ID].str.split(separator, regex=False)
    return some.assign(**{TAIL_ID: lists}).explode(TAIL_ID).astype({TAIL_ID: "str"})
