"""A data set of somebody's own, described in the section ``custom`` of params.yaml."""

import logging
from functools import partial
from pathlib import Path

import pandas as pd

from pipeline.data.contract import typed
from pipeline.data.description import Description
from pipeline.data.layout import Unit
from pipeline.data.reading import read_columns
from pipeline.data.remote import copy_to
from pipeline.data.splitting import TEST, TRAIN, VALID
from pipeline.data.tables import HEAD_ID, ITEM_ID, PART, RATING, TAIL_ID, TIMESTAMP, USER_ID, WEIGHT, RawRelation, RawTables
from pipeline.datasets._base import Dataset

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
    """Every file under the name of its table, with the ending that says how it is packed."""
    for name, (address, table) in described.tables().items():
        copy_to(folder / _file_name(name, address), address, table.sha256)


def _file_name(name: str, address: str) -> str:
    return name + "".join(Path(address.split("::", maxsplit=1)[0].split("?", maxsplit=1)[0]).suffixes[-2:])


def _read(described: Description, folder: Path) -> RawTables:
    """Read the files that ``_fetch`` put there."""

    def read(
        name: str, columns: dict[str, str | int | None], unit: Unit = "s", tail_separator: str | None = None
    ) -> pd.DataFrame:
        address, table = described.tables()[name]
        path = folder / _file_name(name, address)
        log.info("reading %s (%.1f MiB)", address, path.stat().st_size / 2**20)
        wanted = {ours: theirs for ours, theirs in columns.items() if theirs is not None}
        text = read_columns(path, address, wanted, table.layout())
        return typed(text if tail_separator is None else _one_tail_a_row(text, tail_separator), address, unit)

    main = described.interactions
    columns = {USER_ID: main.user, ITEM_ID: main.item, RATING: main.rating, TIMESTAMP: main.timestamp}
    interactions = read("interactions", columns, main.unit)
    if main.valid and main.test:
        parts = {TRAIN: interactions, VALID: read("valid", columns, main.unit), TEST: read("test", columns, main.unit)}
        interactions = pd.concat([table.assign(**{PART: part}) for part, table in parts.items()], ignore_index=True)
    relations = {}
    for name, links in described.relations.items():
        columns = {HEAD_ID: links.head, TAIL_ID: links.tail, WEIGHT: links.weight}
        table = read(name, columns, tail_separator=links.tail_separator)
        relations[name] = RawRelation(*links.between, table, links.form)
    return RawTables(interactions, relations)


def _one_tail_a_row(text: pd.DataFrame, separator: str) -> pd.DataFrame:
    """Rows that list several tails become several rows of the same number; those that list none are dropped."""
    some = text[text[TAIL_ID] != ""]
    lists = some[TAIL_ID].str.split(separator, regex=False)
    return some.assign(**{TAIL_ID: lists}).explode(TAIL_ID).astype({TAIL_ID: "str"})
