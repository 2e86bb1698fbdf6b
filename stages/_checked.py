"""What the stage ``check`` has written for another stage."""

from pathlib import Path
from typing import Any

from pipeline.artifacts import MANIFEST, check_folder, read_json
from pipeline.fingerprint import check_code

__all__ = ["read_checked"]


def read_checked(path: Path) -> dict[str, Any]:
    """The content of a file of ``data/checked``.

    Raises:
        IntegrityError: If it does not have the bytes that were written.
        InputError: If it is not there, or the stage's code was modified since.
    """
    check_folder(next((folder for folder in path.parents if (folder / MANIFEST).is_file()), path.parent))
    content: dict[str, Any] = read_json(path)
    check_code(content["code"])
    return content
