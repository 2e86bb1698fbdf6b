"""Where things are written: rich on a terminal, plain text elsewhere; JSON for machines."""

import json
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from pipeline.terminal.visible import visible

__all__ = ["is_terminal", "say", "show_json", "show_table"]


def is_terminal() -> bool:
    """Whether somebody watches what goes to stderr; rich itself heeds NO_COLOR and TERM."""
    return sys.stderr.isatty()


def say(text: str) -> None:
    """A line for whoever started the command."""
    Console(stderr=False, highlight=False, soft_wrap=True).print(visible(text), markup=False)


def show_json(content: Any) -> None:
    """One JSON document; never NaN, which is none."""
    sys.stdout.write(json.dumps(content, allow_nan=False, ensure_ascii=False) + "\n")


def show_table(rows: Sequence[Mapping[str, Any]], title: str | None = None) -> None:
    """A table of the rows, whose keys are the columns; numbers to the right."""
    if not rows:
        say("nothing")
        return
    table = Table(title=title, title_justify="left", header_style="bold")
    for column in rows[0]:
        is_number = all(isinstance(row[column], int | float) for row in rows)
        table.add_column(Text(visible(column)), justify="right" if is_number else "left", overflow="fold")
    for row in rows:
        texts = (f"{value:.4f}" if isinstance(value, float) else str(value) for value in row.values())
        table.add_row(*(Text(visible(text)) for text in texts))  # brackets in a name are no markup
    Console(highlight=False).print(table)
