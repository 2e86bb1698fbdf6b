"""Numba's files of compiled loops, with a checksum: a flipped bit would be machine code; the loop is compiled anew instead."""

import hashlib
import io
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from numba.core.caching import IndexDataCacheFile

__all__ = ["checked"]

_DIGITS = 32  # bytes of a sha256, behind the content, where unpickling stops before


class _CheckedFile(IndexDataCacheFile):
    """Takes a file with other bytes than were written as one that is not there."""

    def _load_index(self) -> Any:
        return super()._load_index() if _is_whole(self._index_path) else {}  # type: ignore[no-untyped-call]

    def _load_data(self, name: str) -> Any:
        if not _is_whole(self._data_path(name)):  # type: ignore[no-untyped-call]
            raise OSError(f"{name}: was damaged after it was written")  # numba compiles then
        return super()._load_data(name)  # type: ignore[no-untyped-call]

    @contextmanager
    def _open_for_write(self, filepath: str) -> Iterator[io.BytesIO]:
        with super()._open_for_write(filepath) as file:
            content = io.BytesIO()
            yield content
            file.write(content.getvalue() + hashlib.sha256(content.getvalue()).digest())


def checked(dispatcher: Any) -> Any:
    """The same compiled function, whose cache is checked before it is loaded."""
    files = dispatcher._cache._cache_file
    files.__class__ = _CheckedFile
    return dispatcher


def _is_whole(path: str) -> bool:
    try:
        content = Path(path).read_bytes()
    except OSError:
        return False
    return hashlib.sha256(content[:-_DIGITS]).digest() == content[-_DIGITS:]
