"""RawTables: what a data set's reader returns, and the strict reader of delimited text that the readers share."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.csv

from pipeline.errors import InputError

__all__ = ["ITEM_ID", "RATING", "TIMESTAMP", "USER_ID", "RawRelation", "RawTables", "read_text"]

USER_ID = "user_id"
ITEM_ID = "item_id"
RATING = "rating"
TIMESTAMP = "timestamp"


@dataclass(frozen=True, eq=False)
class RawRelation:
    """Side information in raw ids: links from nodes of one type to nodes of another.

    Attributes:
        head_type: Node type of the heads: ``"user"``, ``"item"`` or a type of its own.
        tail_type: Node type of the tails.
        table: Columns ``head_id`` and ``tail_id`` (text).
    """

    head_type: str
    tail_type: str
    table: pd.DataFrame


@dataclass(frozen=True, eq=False)
class RawTables:
    """A data set in raw ids.

    Attributes:
        interactions: Columns ``user_id``, ``item_id`` (text), optionally ``rating`` (float64) and ``timestamp``
            (int64, seconds since 1970).
        relations: Side information by name. A task looks its table up by this name.
    """

    interactions: pd.DataFrame
    relations: Mapping[str, RawRelation] = field(default_factory=dict)


def read_text(path: Path, delimiter: str, columns: list[str], *, header: bool = False) -> pd.DataFrame:
    """Read delimited text in which every row has exactly the given columns.

    Ids stay the text that they are: no quoting, no missing-value words, no numbers guessed. ``rating`` becomes float64 and
    must be finite, ``timestamp`` becomes int64.

    Args:
        path: File in UTF-8.
        delimiter: One character.
        columns: Name of each column, in the order of the file.
        header: Whether the first row names the columns; it must then name exactly ``columns``.

    Raises:
        InputError: Naming file, row and field of each fault (rows count from 1).
    """
    problems: list[str] = []
    where = path.name

    def refuse(row: pyarrow.csv.InvalidRow) -> str:
        fix = f"write {row.expected_columns} fields separated by {delimiter!r}"
        problems.append(f"{where}:{row.number}: {row.actual_columns} fields instead of {row.expected_columns}. Fix: {fix}")
        return "skip"

    try:
        table = pyarrow.csv.read_csv(
            path,
            # Only a single-threaded reader knows the row numbers.
            read_options=pyarrow.csv.ReadOptions(use_threads=False, column_names=None if header else columns),
            parse_options=pyarrow.csv.ParseOptions(
                delimiter=delimiter, quote_char=False, invalid_row_handler=refuse, ignore_empty_lines=False
            ),
            convert_options=pyarrow.csv.ConvertOptions(
                column_types=dict.fromkeys(columns, pa.string()), strings_can_be_null=False
            ),
        )
    except FileNotFoundError as error:
        raise InputError(f"{path}: there is no such file. Fix: run the stage that makes it (dvc repro)") from error
    except pa.ArrowInvalid as error:
        raise InputError(f"{where}: {str(error).splitlines()[0]}. Fix: save it as UTF-8 text with rows") from error
    if header and table.column_names != columns:
        raise InputError(f"{where}:1: columns {table.column_names}. Fix: the first row must be {columns}")
    frame: pd.DataFrame = table.to_pandas()
    if not problems:  # a skipped row would shift the row numbers below
        first_row = 2 if header else 1
        for column in columns:
            frame[column] = _convert(frame[column], f"{where}:{{row}} {column}", first_row, problems)
    if problems:
        raise InputError(*problems)
    return frame


def _convert(values: "pd.Series[str]", place: str, first_row: int, problems: list[str]) -> "pd.Series[Any]":
    """The column in its type; faults are added to ``problems``."""
    converted: pd.Series[Any] = values
    wrong: pd.Series[bool]
    if values.name == RATING:
        converted = pd.to_numeric(values, errors="coerce").astype("float64")
        wrong, needed = ~converted.abs().lt(np.inf), "a finite number"
    elif values.name == TIMESTAMP:
        wrong, needed = ~values.str.fullmatch(r"-?\d{1,18}"), "a whole number of seconds"
        converted = pd.to_numeric(values.mask(wrong, "0")).astype("int64")
    else:
        wrong, needed = values == "", "an id"
    rows = np.flatnonzero(wrong)
    problems += [f"{place.format(row=first_row + i)}: found {values.iloc[i]!r}. Fix: write {needed}" for i in rows]
    return converted
