"""The reader of delimited text that the public data sets share."""

from pathlib import Path

import pandas as pd

from pipeline.data.raw.layout import Layout
from pipeline.data.raw.reading import read_columns
from pipeline.data.raw.table_schema import typed
from pipeline.errors import InputError

__all__ = ["read_text"]


def read_text(path: Path, delimiter: str, columns: list[str], *, header: bool = False) -> pd.DataFrame:
    """Read delimited text in which every row has exactly the given columns; quotes have no special meaning.

    Args:
        path: File in UTF-8.
        delimiter: Field delimiter.
        columns: Name of each column, in the order of the file; see ``pipeline.data.raw.table_schema`` for what they must hold.
        header: Whether the first row names the columns.

    Raises:
        InputError: Names file, row (counted from 1) and field of each problem.
    """
    if not path.is_file():
        raise InputError(f"{path}: there is no such file. Fix: run the stage that makes it (dvc repro)")
    layout = Layout(delimiter, header=header, n_fields=len(columns))
    places: dict[str, str | int] = {name: name if header else place for place, name in enumerate(columns, start=1)}
    return typed(read_columns(path, path.name, places, layout), path.name)
