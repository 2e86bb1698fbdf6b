"""The arguments of a stage."""

import argparse
from collections.abc import Sequence
from pathlib import Path

from pipeline.terminal.running import run

__all__ = ["parser", "run"]


def parser(description: str | None, *paths: str, names: Sequence[str] = ()) -> argparse.ArgumentParser:
    """Argument parser of a stage: a required string ``--<name>`` per name and a required path ``--<path>`` per path.

    Paths come from dvc.yaml, never from the code.
    """
    arguments = argparse.ArgumentParser(description=description)
    for name in names:
        arguments.add_argument(f"--{name}", required=True)
    for path in paths:
        arguments.add_argument(f"--{path}", type=Path, required=True)
    return arguments
