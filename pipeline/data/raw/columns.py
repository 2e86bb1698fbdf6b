"""A column of a table of any kind: found by its name or number, and made text."""

import pyarrow as pa
import pyarrow.compute as pc

from pipeline.errors import InputError, closest
from pipeline.memory import refuse_too_large

__all__ = ["LESS", "as_text", "place_of"]

LESS = "take less of it, or a larger machine"
"""What to do where it does not fit into memory."""

_LARGEST_EXACT = {16: 2**11, 32: 2**24, 64: 2**53}  # bits of a float -> from here on, it does not hold every integer


def place_of(names: list[str], wanted: str | int, where: str, named: bool) -> int:
    """Index of a column among those of a table, counted from 0."""
    if isinstance(wanted, int):
        if not 1 <= wanted <= len(names):
            raise InputError(f"{where}: has {len(names)} columns, but column {wanted} is requested. Fix: use 1 to {len(names)}")
        return wanted - 1
    if not named:
        raise InputError(f"{where}: has no header in which to find {wanted!r}. Fix: use the column number, counted from 1")
    if names.count(wanted) > 1:
        fix = "use the number of the intended column, counted from 1"
        raise InputError(f"{where}: has {names.count(wanted)} columns {wanted!r}. Fix: {fix}")
    if wanted not in names:
        raise InputError(f"{where}: has no column {wanted!r}.{closest(wanted, names)}")
    return names.index(wanted)


def as_text(table: pa.Table, place: int, where: str) -> pa.ChunkedArray:
    """A column as text, with ``""`` for missing values; a typed Parquet column only if that loses no information."""
    column, where = table.column(place), f"{where} {table.column_names[place]}"
    try:
        column.validate(full=True)  # what is no text, or not in its dictionary, would be found later, row by row
        if pa.types.is_dictionary(column.type):
            refuse_too_large(f"{where}: its text", _length_of(column), LESS)
            column = column.cast(column.type.value_type)
        if pa.types.is_floating(column.type):
            column = _whole_numbers(column, where)
        return pc.fill_null(column.cast(pa.string()), "")
    except (pa.ArrowInvalid, pa.ArrowIndexError, pa.ArrowNotImplementedError) as error:
        raise InputError(f"{where}: is of type {column.type}. Fix: store it as text or numbers") from error


def _whole_numbers(column: pa.ChunkedArray, where: str) -> pa.ChunkedArray:
    """Integers with missing values are often stored as floats; their text must not have an exponent."""
    kind, column = column.type, column.cast(pa.float64())
    column = pc.if_else(pc.is_nan(column), None, column)
    if not pc.all(pc.equal(pc.round(column), column)).as_py():
        return column.cast(kind)  # 0.1 in float32 is 0.1, and no longer number
    if (pc.max(pc.abs(column)).as_py() or 0) >= _LARGEST_EXACT[kind.bit_width]:
        raise InputError(f"{where}: holds integers too large for {kind}. Fix: store it as text")
    return column.cast(pa.int64())


def _length_of(column: pa.ChunkedArray) -> int:
    """Bytes of a column of a dictionary, once it is written out."""
    lengths = 0
    for chunk in column.chunks:
        if pa.types.is_string(chunk.type.value_type) or pa.types.is_large_string(chunk.type.value_type):
            lengths += pc.sum(pc.binary_length(chunk.dictionary).take(chunk.indices)).as_py() or 0
    return lengths
