"""What the stage ``check`` has written for another stage."""

from itertools import product
from pathlib import Path
from typing import Any

from pipeline.fingerprint import check_code
from pipeline.integrity import MANIFEST, check_folder, read_json

__all__ = ["place_of", "read_checked"]


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


def place_of(checked: Path, training: tuple[str, str, int]) -> str:
    """Which training of how many it is: ``3 of 5``.

    Args:
        checked: The file of ``data/checked`` that the training works by.
        training: Data set, method, seed.
    """
    listed = read_json(checked.parents[2] / "collect.json")["arguments"]
    every = list(product(listed["datasets"], listed["methods"], listed["seeds"]))
    return f"{every.index(training) + 1} of {len(every)}" if training in every else f"of {len(every)}"
