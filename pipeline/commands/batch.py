"""`pmtrec batch`: the lists of all users, in chunks, to any place that fsspec knows."""

import json
from typing import Any

import fsspec
import pandas as pd

from pipeline.artifacts import NO_ROOM_OR_ACCESS, ROOM_OR_ACCESS
from pipeline.commands.asking import source_of
from pipeline.errors import InputError, IntegrityError, MachineError
from pipeline.ranking.questions import Ask, query_of, table_of
from pipeline.ranking.recommender import Recommender
from pipeline.terminal.progress import bar
from pipeline.terminal.screen import say

__all__ = ["batch"]

_FORMS = ("parquet", "csv")
_STATE = "_pmtrec.json"  # which model and k the parts are of


def batch(source: str | None, out: str, k: int, chunk: int) -> None:
    """Write ``<out>/part-00000.parquet``, ...; a part that is there is not written again.

    A part gets its name when it is whole. The folder says which model and k it is of: another one is refused, not mixed in.

    Args:
        source: See ``Source``.
        out: A folder; the form of its parts is its ending, ``.parquet`` or ``.csv``.
        k: Length of a list.
        chunk: Users per part.

    Raises:
        InputError: If the ending is another, or the folder holds the lists of another model.
    """
    form = out.rstrip("/").rpartition(".")[2]
    if form not in _FORMS:
        raise InputError(f"--out: {out}: must end in .parquet or .csv. Fix: write {out.rstrip('/')}.parquet")
    model, version = source_of(source).load()
    try:
        files, folder = fsspec.core.url_to_fs(out.rstrip("/"))
    except (ValueError, ImportError) as error:
        raise InputError(f"--out: {out}: {error}. Fix: correct the address, or install the package it needs") from error
    try:
        _write(files, folder, out, model, version, k, chunk, form)
    except (OSError, NotImplementedError, fsspec.exceptions.FSTimeoutError) as error:
        if isinstance(error, OSError) and error.errno in NO_ROOM_OR_ACCESS:
            raise MachineError(f"{out}: {error.strerror}. Fix: {ROOM_OR_ACCESS}") from error
        raise MachineError(f"{out}: cannot be written: {error}. Fix: write to another place") from error


def _write(files: Any, folder: str, out: str, model: Recommender, version: str, k: int, chunk: int, form: str) -> None:
    users = [str(user) for user in model.user_ids.index]
    wanted = {"model": version, "k": k, "chunk": chunk, "users": len(users)}
    if files.isfile(folder):
        raise InputError(f"--out: {out}: is a file. Fix: write another")
    files.makedirs(folder, exist_ok=True)
    state = f"{folder}/{_STATE}"
    if files.exists(state):
        try:
            found = json.loads(files.cat_file(state))
        except ValueError as error:
            raise IntegrityError(f"{out}/{_STATE}: was modified or corrupted. Fix: remove {out}") from error
        if found != wanted:
            raise InputError(f"{out}: holds the lists of {found}, not of {wanted}. Fix: write another --out, or remove it")
    else:
        if [path for path in files.ls(folder, detail=False) if not str(path).endswith(".new")]:  # left by a kill
            raise InputError(f"{out}: holds other files. Fix: write to a folder that is empty or not there yet")
        _put(files, state, json.dumps(wanted).encode())
    starts = range(0, len(users), chunk)
    there = {str(path).rpartition("/")[2] for path in files.ls(folder, detail=False)}
    with bar("batch", len(starts), "parts") as step:
        for number, start in enumerate(starts):
            name = f"part-{number:05d}.{form}"
            if name not in there:
                asks = [Ask.of({"user_id": user}, query_of({"k": k})) for user in users[start : start + chunk]]
                _put(files, f"{folder}/{name}", _content(table_of(model, asks), form))
            step(f"{min(start + chunk, len(users)):,} of {len(users):,} users")
    kept = sum(name.startswith("part-") for name in there)
    say(f"{len(users):,} users, top {k}, of {version}: {out}" + (f" ({kept} parts were there already)" if kept else ""))


def _content(table: pd.DataFrame, form: str) -> bytes:
    if form == "csv":
        return table.to_csv(index=False).encode()
    written: bytes = table.to_parquet(index=False)
    return written


def _put(files: Any, path: str, content: bytes) -> None:
    """Whole or not at all."""
    beside = f"{path}.new"
    files.pipe_file(beside, content)
    files.mv(beside, path)
