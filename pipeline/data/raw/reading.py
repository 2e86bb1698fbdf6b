"""Read a file as text columns, without guessing: no type inference, no missing-value markers, no silently skipped rows."""

import codecs
import json
import logging
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet

from pipeline.data.raw.columns import LESS, as_text, place_of
from pipeline.data.raw.layout import Layout
from pipeline.data.raw.quotes import check_quotes
from pipeline.errors import InputError, Problem
from pipeline.memory import free_memory, refuse_too_large

__all__ = ["read_columns"]

log = logging.getLogger(__name__)

_WHOLE_LINE = "\x1f"  # the ASCII unit separator, which no field contains
_LONGEST_ROW = 2**24  # bytes
_HIGHEST_RATIO = {"gzip": 2**11, "bz2": 2**21, "zstd": 2**15}  # text / file, of one letter without end

# Magic bytes at the start of a file -> its type; of what is not read, also what to do.
_PARQUET = b"PAR1"
_COMPRESSIONS = {b"\x1f\x8b": "gzip", b"BZh": "bz2", b"\x28\xb5\x2f\xfd": "zstd"}
_WITH_PANDAS = "store it as Parquet or CSV, with pandas"
_UNREAD = {
    b"PK\x03\x04": ("a zip archive", "write zip://<file in it>::{where}"),
    b"\xfd7zXZ": ("an xz archive", "unpack it"),
    b"7z\xbc\xaf": ("a 7z archive", "unpack it"),
    b"Rar!": ("a rar archive", "unpack it"),
    b"\xd0\xcf\x11\xe0": ("an Excel table", f"{_WITH_PANDAS}: read_excel(file, dtype=str)"),
    b"PARE": ("an encrypted Parquet file", "write it without encryption"),
    b"ARROW1": ("an Arrow file", f"{_WITH_PANDAS}: read_feather(file)"),
    b"ORC": ("an ORC file", f"{_WITH_PANDAS}: read_orc(file)"),
    b"SQLite format": ("a database", f"{_WITH_PANDAS}: read_sql(query, connection)"),
}
_EXCEL = b"[Content_Types].xml"  # the first file in an Excel table, which is a zip archive
_JSON = ("JSON", f"{_WITH_PANDAS}: read_json(file, lines=True, dtype=False)")


def read_columns(path: Path, where: str, columns: Mapping[str, str | int], layout: Layout) -> pd.DataFrame:
    """Read some columns of a file as text.

    Args:
        path: Text, plain or compressed (gzip, bzip2, zstd), or Parquet; detected by its first bytes.
        where: Name of the file in error messages.
        columns: Column name in the result -> its name in the header, or its column number, counted from 1.
        layout: Format of a text file; not used for Parquet.

    Returns:
        The columns; the index holds each row's number in the file, counted from 1 and including the header. Empty rows are
        dropped, and their number is logged.

    Raises:
        InputError: Names file, row and field of each problem.
    """
    with path.open("rb") as file:
        start = file.read(2**16)
    if unread := _unread(start):
        raise InputError(f"{where}: is {unread[0]}. Fix: {unread[1].format(where=where)}")
    parquet = start.startswith(_PARQUET)
    wanted = list(columns.values())
    table = _read_parquet(path, where, wanted) if parquet else _read_text(path, where, layout, _compression(start))
    if table.num_rows == 0:
        raise InputError(f"{where}: has no rows. Fix: provide a file with at least one row")
    if not parquet and table.num_columns == 1 < len(columns):
        raise InputError(f"{where}: has only one field per row when split at {layout.separator!r}. Fix: set its separator")
    first_row = 1 if parquet else layout.skip_rows + layout.header + 1
    rows: pd.Index[Any] = pd.RangeIndex(first_row, first_row + table.num_rows)
    if not parquet:
        table, rows = _without_empty_rows(table, rows, where)
    places = range(len(wanted)) if parquet else [place_of(table.column_names, of, where, layout.header) for of in wanted]
    found = {ours: as_text(table, place, where) for ours, place in zip(columns, places, strict=True)}
    return pd.DataFrame({ours: column.to_pandas().astype("str") for ours, column in found.items()}).set_axis(rows, axis="index")


def _unread(start: bytes) -> tuple[str, str] | None:
    """What a file is that is not read, and what to do; ``None`` if it is read."""
    if start.startswith(b"PK") and _EXCEL in start:
        return _UNREAD[b"\xd0\xcf\x11\xe0"]
    first = start.partition(b"\n")[0].strip()
    if first[:1] in (b"{", b"["):
        try:
            json.loads(first)
        except RecursionError:  # brackets without end
            return _JSON
        except ValueError:
            return _JSON if first in (b"{", b"[") else None
        return _JSON
    return next((what for magic, what in _UNREAD.items() if start.startswith(magic)), None)


def _compression(start: bytes) -> str | None:
    return next((name for magic, name in _COMPRESSIONS.items() if start.startswith(magic)), None)


def _without_empty_rows(table: pa.Table, rows: "pd.Index[Any]", where: str) -> "tuple[pa.Table, pd.Index[Any]]":
    filled = np.zeros(table.num_rows, dtype=np.bool_)
    for column in table.columns:
        if filled.all():
            return table, rows
        filled |= pc.not_equal(column, "").to_numpy()
    if filled.all():
        return table, rows
    log.info("%s: %d empty rows dropped", where, (~filled).sum())
    return table.filter(pa.array(filled)), rows[filled]


def _read_parquet(path: Path, where: str, wanted: list[str | int]) -> pa.Table:
    """The wanted columns alone, in this order: others may be larger than the memory."""
    try:
        schema = pyarrow.parquet.read_schema(path)
        names = schema.names
        places = [place_of(names, of, where, named=True) for of in wanted]
        chosen = {names[place] for place in places}
        # Text stays in its dictionary, as it is in the file: written out it may not fit.
        flat = sorted(names[place] for place in places if not pa.types.is_nested(schema.types[place]))
        file = pyarrow.parquet.ParquetFile(path, page_checksum_verification=True, read_dictionary=flat)
        table = file.read(sorted(chosen))
        read: dict[str, list[int]] = {name: table.schema.get_all_field_indices(name) for name in chosen}
        return table.select([read[names[place]][names[:place].count(names[place])] for place in places])
    except MemoryError:  # one of Arrow's, too
        raise
    except (pa.ArrowException, OSError, UnicodeError) as error:
        raise InputError(f"{where}: cannot be read as Parquet ({_first_line(error)}). Fix: export the file again") from error


def _read_text(path: Path, where: str, layout: Layout, compression: str | None) -> pa.Table:
    problems: list[Problem] = []
    one_character = len(layout.separator) == 1

    def refuse(row: pyarrow.csv.InvalidRow) -> str:
        problems.append(_ragged(where, row.number, row.actual_columns, row.expected_columns, layout.separator))
        return "skip"

    names = [f"{place}" for place in range(1, layout.n_fields + 1)] if layout.n_fields and not layout.header else None
    _refuse_too_long(path, where, compression)
    breaks = check_quotes(path, where, layout, compression)
    try:
        with pa.input_stream(str(path), compression=compression) as stream, _unshown_rows() as unshown:
            table = pyarrow.csv.read_csv(
                stream,
                read_options=pyarrow.csv.ReadOptions(
                    use_threads=False,  # only the single-threaded reader reports row numbers
                    block_size=_LONGEST_ROW,
                    skip_rows=layout.skip_rows,
                    column_names=names if one_character else ["line"],
                    autogenerate_column_names=not layout.header and names is None and one_character,
                    encoding=layout.encoding,
                ),
                parse_options=pyarrow.csv.ParseOptions(
                    delimiter=layout.separator if one_character else _WHOLE_LINE,
                    quote_char=layout.quote if layout.quote and one_character else False,
                    invalid_row_handler=refuse,
                    ignore_empty_lines=False,
                    newlines_in_values=breaks,
                ),
                convert_options=pyarrow.csv.ConvertOptions(default_column_type=pa.string(), strings_can_be_null=False),
            )
    except (pa.ArrowInvalid, UnicodeError) as error:
        if unreadable := _undecodable(path, where, layout.encoding, compression):
            raise unreadable from error
        if "Empty CSV" in str(error):
            raise InputError(f"{where}: is empty. Fix: provide a file with at least one row") from error
        raise InputError(f"{where}: {_first_line(error)}. Fix: correct the file") from error
    except OSError as error:
        raise InputError(f"{where}: cannot be decompressed ({_first_line(error)}). Fix: provide the complete file") from error
    if problems or unshown:  # a skipped row would shift the row numbers of what follows
        raise _undecodable(path, where, layout.encoding, compression) or InputError(*problems)
    return table if one_character else _split_lines(table.column(0), where, layout)


def _refuse_too_long(path: Path, where: str, compression: str | None) -> None:
    """A small compressed file may hold more text than the memory; the system would end the process without a word."""
    size, free = path.stat().st_size, free_memory()
    if compression and size * _HIGHEST_RATIO[compression] > free:
        size = 0
        with suppress(OSError), pa.input_stream(str(path), compression=compression) as stream:  # the reader says what is wrong
            while size <= free and (block := stream.read(_LONGEST_ROW)):
                size += len(block)
    refuse_too_large(f"{where}: its text", size, LESS)


@contextmanager
def _unshown_rows() -> Iterator[list[object]]:
    """Collect the ragged rows that pyarrow cannot decode for the handler; it would print them as ignored exceptions."""
    unshown: list[object] = []
    before, sys.unraisablehook = sys.unraisablehook, unshown.append
    try:
        yield unshown
    finally:
        sys.unraisablehook = before


def _split_lines(lines: pa.ChunkedArray, where: str, layout: Layout) -> pa.Table:
    """Split lines at a separator of several characters, which pyarrow's CSV reader does not support.

    An empty line gets as many empty fields as the others have.
    """
    first = layout.skip_rows + 1
    n_fields = layout.n_fields or len(lines[0].as_py().split(layout.separator))
    lines = pc.if_else(pc.equal(lines, ""), layout.separator * (n_fields - 1), lines)
    fields = pc.split_pattern(lines, layout.separator).combine_chunks()
    counts = pc.list_value_length(fields)
    wrong = pc.indices_nonzero(pc.not_equal(counts, n_fields)).to_pylist()
    if wrong:
        raise InputError(*(_ragged(where, first + row, counts[row].as_py(), n_fields, layout.separator) for row in wrong))
    flat = fields.flatten()
    columns = [flat.take(pa.array(np.arange(place, len(flat), n_fields))) for place in range(n_fields)]
    names = [str(column[0]) for column in columns] if layout.header else [f"{place + 1}" for place in range(n_fields)]
    return pa.table(columns, names=names).slice(int(layout.header))


def _ragged(where: str, row: int | None, found: int, expected: int, separator: str) -> Problem:
    problem = f"{found} fields instead of {expected}"
    return Problem(where, row, "", problem, f"write {expected} fields separated by {separator!r}")


def _undecodable(path: Path, where: str, encoding: str, compression: str | None) -> InputError | None:
    """An error for the first row that cannot be decoded; ``None`` if all can."""
    newline = "\n\n".encode(encoding)[len("\n".encode(encoding)) :]  # without the byte order mark of some encodings
    decoder = codecs.getincrementaldecoder(encoding)()
    row = 1
    with pa.input_stream(str(path), compression=compression) as stream:
        more = True
        while more:
            block = stream.read(_LONGEST_ROW)
            more = bool(block)
            try:
                row += decoder.decode(block, final=not more).count("\n")
            except UnicodeError as error:
                if isinstance(error, UnicodeDecodeError):  # else it is about the beginning, as a missing byte order mark
                    row += error.object[: error.start].count(newline)
                return InputError(f"{where}:{row}: is not {encoding} text. Fix: convert the file, or set its encoding")
    return None


def _first_line(error: Exception) -> str:
    return str(error).splitlines()[0]
