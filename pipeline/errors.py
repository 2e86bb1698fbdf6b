"""The errors that the user can fix, and the exit code of each.

Every message has the form ``<place>: what is wrong. Fix: what to do``. Anything that is not a ``PmtrecError`` is a bug in
pmtrec and ends with exit code 70.
"""

import csv
import difflib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple, TypeVar

__all__ = [
    "BusyError",
    "DivergedError",
    "InputError",
    "IntegrityError",
    "MachineError",
    "ParamsError",
    "PmtrecError",
    "Problem",
    "about",
    "closest",
    "joined",
    "shortened",
]

_LONGEST_VALUE = 60  # maximum length of a value in a message, in characters
_MOST_COLUMNS = 60  # maximum number of columns listed in a message


class Problem(NamedTuple):
    """One problem in a table; ``str`` gives the line that the user sees.

    >>> str(Problem("clicks.csv", 7, "rating", "found 'x'", "write a finite number"))
    "clicks.csv:7 rating: found 'x'. Fix: write a finite number"
    """

    file: str
    row: int | None
    field: str
    problem: str
    fix: str

    def __str__(self) -> str:
        row = "" if self.row is None else f":{self.row}"
        return f"{self.file}{row}{' ' * bool(self.field)}{self.field}: {self.problem}. Fix: {self.fix}"


class PmtrecError(Exception):
    """Base class of all errors that the user can fix.

    Args:
        *problems: One line each; all problems of a file are reported together.

    Attributes:
        problems: The lines.
        table: Those that concern a table, with file, row and field as separate values.
    """

    exit_code = 70
    shown_at_most = 20

    def __init__(self, *problems: "str | Problem") -> None:
        super().__init__(*problems)
        # A name from data may hold a line break: what follows must not look like a line of ours.
        self.problems = tuple("\\n".join(str(problem).splitlines()) for problem in problems)
        self.table = [problem for problem in problems if isinstance(problem, Problem)]

    def write_table(self, path: Path) -> None:
        """Write all problems of a table as CSV: file, row, field, problem, fix."""
        with path.open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(Problem._fields)
            writer.writerows(self.table)

    def __str__(self) -> str:
        shown = self.problems[: self.shown_at_most]
        hidden = len(self.problems) - len(shown)
        return "\n".join(shown) + (f"\n... and {hidden} more problems" if hidden else "")


class InputError(PmtrecError):
    """A file or table is missing or has invalid content."""

    exit_code = 2


class ParamsError(PmtrecError):
    """params.yaml has an unknown key, a missing key or a value that is not allowed."""

    exit_code = 2


class MachineError(PmtrecError):
    """The disk, permissions, the network or a device prevent the work."""

    exit_code = 3


class BusyError(PmtrecError):
    """Another process is writing the same output."""

    exit_code = 4


class DivergedError(PmtrecError):
    """Training diverged: a loss or an embedding became infinite or NaN."""

    exit_code = 5


class IntegrityError(PmtrecError):
    """A file differs from what was written, or from its expected checksum."""

    exit_code = 6


_E = TypeVar("_E", bound=PmtrecError)


def joined(errors: Sequence[_E]) -> _E:
    """Merge the problems of several errors into one error, of the class of the first; what several say is said once."""
    return type(errors[0])(*dict.fromkeys(problem for error in errors for problem in error.args))


@contextmanager
def about(name: str) -> Iterator[None]:
    """Errors within the block begin with a name, but for those of tables, which name their file."""
    try:
        yield
    except PmtrecError as error:
        named = [problem if isinstance(problem, Problem) else f"{name}: {problem}" for problem in error.args]
        raise type(error)(*named) from error


def shortened(text: str) -> str:
    """The text in quotes, truncated if it is long."""
    return repr(text) if len(text) <= _LONGEST_VALUE else f"{text[:_LONGEST_VALUE]!r}... ({len(text):,} characters)"


def closest(name: str, valid: list[str]) -> str:
    """``" Fix: write 'x' (valid: x, y)"``: the part of an error message that suggests a correction for a misspelt name."""
    match = difflib.get_close_matches(name, valid, n=1, cutoff=0.5)
    advice = f"write {match[0]!r}" if match else "use a valid name"
    names = [one if len(one) <= _LONGEST_VALUE else f"{one[:_LONGEST_VALUE]}..." for one in valid]
    more = f", ... {len(names) - _MOST_COLUMNS:,} more" if len(names) > _MOST_COLUMNS else ""
    return f" Fix: {advice} (valid: {', '.join(names[:_MOST_COLUMNS])}{more})"
