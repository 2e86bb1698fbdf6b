"""Quotes that swallow rows: a text file is read strictly as RFC 4180 has it, before anything is made of it.

A reader that forgives a quote that is not closed makes one field of all lines up to the next quote, and half of the rows are
gone without a word.
"""

import csv
import io
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa

from pipeline.data.raw.layout import Layout
from pipeline.errors import InputError, Problem

__all__ = ["check_quotes"]

_BLOCK = 2**24  # bytes
_LONGEST_FIELD = 2**24  # characters
_FIX = "close it before the separator, double quotes inside a field, or set quote: null if quotes mean nothing here"


def check_quotes(path: Path, where: str, layout: Layout, compression: str | None) -> bool:
    """Whether any field holds a line break, in a file whose quotes are all closed.

    What is wrong with the file otherwise (its encoding, its compression, ragged rows) is for the reader to say.

    Args:
        path: Text, plain or compressed.
        where: Name of the file in error messages.
        layout: Its format.
        compression: Of the file, as pyarrow calls it.

    Raises:
        InputError: For the first row with a quote that is not closed, that is followed by text, or that is closed so late that
            every line between is a row of as many fields by itself.
    """
    if layout.quote is None or len(layout.separator) > 1:
        return False
    try:
        if not _contains(path, layout.quote.encode(layout.encoding)[-1:], compression):
            return False
        with pa.input_stream(str(path), compression=compression) as stream:
            return _breaks(io.TextIOWrapper(stream, layout.encoding, newline=""), where, layout)
    except (UnicodeError, OSError, EOFError):
        return False


def _contains(path: Path, wanted: bytes, compression: str | None) -> bool:
    with pa.input_stream(str(path), compression=compression) as stream:
        return any(wanted in block for block in iter(lambda: stream.read(_BLOCK), b""))


def _breaks(text: io.TextIOWrapper, where: str, layout: Layout) -> bool:
    for _ in range(layout.skip_rows):
        _line(text, where, layout.skip_rows)
    lines: list[str] = []  # of the current row

    def kept() -> Iterator[str]:
        while line := _line(text, where, row):
            lines.append(line)
            yield line

    csv.field_size_limit(_LONGEST_FIELD)
    row, found = layout.skip_rows + 1, False
    reader = csv.reader(kept(), delimiter=layout.separator, quotechar=layout.quote, strict=True)
    try:
        for fields in reader:
            if len(lines) > 1:
                found = True
                if all(line.count(layout.separator) == len(fields) - 1 for line in lines):
                    problem = f"a quote is closed {len(lines) - 1} lines later, where each line is a row by itself"
                    raise InputError(Problem(where, row, "", problem, _FIX))
            lines.clear()
            row += 1
    except csv.Error as error:
        raise InputError(Problem(where, row, "", "a quote is not closed, or is followed by text", _FIX)) from error
    return found


def _line(text: io.TextIOWrapper, where: str, row: int) -> str:
    """The next line; a small compressed file may hold one that fills the memory."""
    line = text.readline(_LONGEST_FIELD + 1)
    if len(line) > _LONGEST_FIELD:
        raise InputError(Problem(where, row, "", f"a line of more than {_LONGEST_FIELD:,} characters", "correct the file"))
    return line
