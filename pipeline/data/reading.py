"""A file -> columns of text, nothing guessed: no numbers, no missing-value words, no rows skipped."""

import codecs
from collections.abc import Mapping
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet

from pipeline.data.layout import Layout
from pipeline.errors import InputError, Problem, closest

__all__ = ["PARQUET", "read_columns"]

PARQUET = (".parquet", ".pq")

_WHOLE_LINE = "\x1f"  # the unit separator of ASCII, which no field holds


def read_columns(path: Path, where: str, columns: Mapping[str, str | int], layout: Layout) -> pd.DataFrame:
    """Some columns of a file as text.

    Args:
        path: Text, plain or compressed (``.gz``, ``.bz2``, ``.zst``), or Parquet, by the end of its name.
        where: What messages call it.
        columns: Name that the column gets -> its name in the header, or its place, counted from 1.
        layout: Of a text file.

    Returns:
        The columns, in a frame whose index is the number of each row in the file, from 1 and with the header.

    Raises:
        InputError: Naming file, row and field of each fault.
    """
    parquet = path.suffix in PARQUET
    table = _read_parquet(path, where) if parquet else _read_text(path, where, layout)
    if table.num_rows == 0:
        raise InputError(f"{where}: has no rows. Fix: write the table into it")
    if not parquet and table.num_columns == 1 < len(columns):
        raise InputError(f"{where}: has one field a row when split by {layout.separator!r}. Fix: name its separator")
    found = {
        ours: _text(table, _place(table, theirs, where, parquet or layout.header), where) for ours, theirs in columns.items()
    }
    frame = pd.DataFrame({ours: column.to_pandas().astype("str") for ours, column in found.items()})
    first_row = 2 if layout.header and not parquet else 1
    return frame.set_axis(pd.RangeIndex(first_row, first_row + len(frame)), axis="index")


def _place(table: pa.Table, wanted: str | int, where: str, named: bool) -> int:
    """Place of a column in the table, from 0."""
    names = table.column_names
    if isinstance(wanted, int):
        if not 1 <= wanted <= len(names):
            raise InputError(f"{where}: has {len(names)} columns, none at place {wanted}. Fix: count from 1")
        return wanted - 1
    if not named:
        raise InputError(f"{where}: has no header that names {wanted!r}. Fix: write the place of the column, counted from 1")
    if names.count(wanted) != 1:
        problem = f"has {names.count(wanted)} columns {wanted!r}" if wanted in names else f"has no column {wanted!r}"
        raise InputError(f"{where}: {problem}.{closest(wanted, names)}")
    place: int = names.index(wanted)
    return place


def _text(table: pa.Table, place: int, where: str) -> pa.ChunkedArray:
    """A column as text; of Parquet, whose columns have types, only where that loses nothing. Nothing is ``""``."""
    column = table.column(place)
    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    try:
        column = column.cast(pa.string())
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        name = table.column_names[place]
        raise InputError(f"{where} {name}: is of type {column.type}. Fix: write it as text or numbers") from error
    return pc.fill_null(column, "")


def _read_parquet(path: Path, where: str) -> pa.Table:
    try:
        return pyarrow.parquet.read_table(path, page_checksum_verification=True)
    except (pa.ArrowInvalid, OSError) as error:
        raise InputError(f"{where}: cannot be read as Parquet ({_first_line(error)}). Fix: write it again") from error


def _read_text(path: Path, where: str, layout: Layout) -> pa.Table:
    problems: list[Problem] = []
    one_character = len(layout.separator) == 1

    def refuse(row: pyarrow.csv.InvalidRow) -> str:
        problems.append(_ragged(where, row.number, row.actual_columns, row.expected_columns, layout.separator))
        return "skip"

    names = [f"{place}" for place in range(1, layout.n_fields + 1)] if layout.n_fields and not layout.header else None
    try:
        table = pyarrow.csv.read_csv(
            path,
            read_options=pyarrow.csv.ReadOptions(
                use_threads=False,  # no other reader knows the row numbers
                column_names=names if one_character else ["line"],
                autogenerate_column_names=not layout.header and names is None and one_character,
                encoding=layout.encoding,
            ),
            parse_options=pyarrow.csv.ParseOptions(
                delimiter=layout.separator if one_character else _WHOLE_LINE,
                quote_char=layout.quote if layout.quote and one_character else False,
                invalid_row_handler=refuse,
                ignore_empty_lines=False,
            ),
            convert_options=pyarrow.csv.ConvertOptions(default_column_type=pa.string(), strings_can_be_null=False),
        )
    except (pa.ArrowInvalid, UnicodeError) as error:
        if "Empty CSV" in str(error):
            raise InputError(f"{where}: is empty. Fix: write the table into it") from error
        raise InputError(
            _undecodable(path, where, layout.encoding) or f"{where}: {_first_line(error)}. Fix: mend it"
        ) from error
    if problems:  # a skipped row would shift the row numbers of what follows
        unreadable = _undecodable(path, where, layout.encoding)  # which may be why
        raise InputError(*([unreadable] if unreadable else problems))
    return table if one_character else _split_lines(table.column(0), where, layout)


def _split_lines(lines: pa.ChunkedArray, where: str, layout: Layout) -> pa.Table:
    """Fields of lines whose separator is longer than one character, which the reader of text does not know."""
    fields = pc.split_pattern(lines, layout.separator).combine_chunks()
    counts = pc.list_value_length(fields)
    n_fields = layout.n_fields or counts[0].as_py()
    wrong = pc.indices_nonzero(pc.not_equal(counts, n_fields)).to_pylist()
    if wrong:
        raise InputError(*(_ragged(where, row + 1, counts[row].as_py(), n_fields, layout.separator) for row in wrong))
    flat = fields.flatten()
    columns = [flat.take(pa.array(range(place, len(flat), n_fields))) for place in range(n_fields)]
    names = [str(column[0]) for column in columns] if layout.header else [f"{place + 1}" for place in range(n_fields)]
    return pa.table(columns, names=names).slice(int(layout.header))


def _ragged(where: str, row: int | None, found: int, expected: int, separator: str) -> Problem:
    problem = f"{found} fields instead of {expected}"
    return Problem(where, row, "", problem, f"write {expected} fields separated by {separator!r}")


def _undecodable(path: Path, where: str, encoding: str) -> str | None:
    """The first row that is not text in the encoding."""
    decode = codecs.getdecoder(encoding)
    with pa.input_stream(path, compression="detect") as stream:
        for row, line in enumerate(stream.read().split(b"\n"), start=1):
            try:
                decode(line)
            except UnicodeError:
                return f"{where}:{row}: is not {encoding} text. Fix: save it so, or name its encoding"
    return None


def _first_line(error: Exception) -> str:
    return str(error).splitlines()[0]
