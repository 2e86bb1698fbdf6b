"""What every process does around its work: logging, signals, one-line errors, exit codes."""

import logging
import os
import signal
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from types import FrameType
from typing import NoReturn

from pipeline.artifacts import NO_ROOM_OR_ACCESS, ROOM_OR_ACCESS
from pipeline.errors import MachineError, PmtrecError
from pipeline.terminal.parent import end_with_parent
from pipeline.terminal.visible import visible

__all__ = ["run"]

_OUR_BUG = 70

ALL_PROBLEMS = Path("problems.csv")


def run(main: Callable[[], object], *, with_parent: bool = True) -> NoReturn:
    """Call ``main`` as the work of a process; errors that the user can fix become one line each on stderr.

    The traceback is shown when the environment variable PMTREC_DEBUG is 1.

    Args:
        main: The work.
        with_parent: Whether to end when the process ends that has started this one, as a stage does with DVC.
    """
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    asked: list[int] = []
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, partial(_end, asked))
    if with_parent:
        end_with_parent()
    debug = os.environ.get("PMTREC_DEBUG") == "1"
    try:
        main()
        if asked:  # a library has swallowed the exception
            sys.exit(128 + asked[0])
    except KeyboardInterrupt:
        sys.exit(128 + signal.SIGINT)
    except PmtrecError as error:
        if debug:
            raise
        for line in str(error).splitlines():
            print(f"pmtrec: error: {visible(line)}", file=sys.stderr)
        if error.table:
            error.write_table(ALL_PROBLEMS)
            print(f"pmtrec: error: all {len(error.table):,} table errors are listed in {ALL_PROBLEMS}", file=sys.stderr)
        sys.exit(error.exit_code)
    except Exception as error:
        if debug:
            raise
        if isinstance(error, OSError) and error.errno in NO_ROOM_OR_ACCESS:
            place = error.filename or "a temporary file"
            print(f"pmtrec: error: {visible(str(place))}: {error.strerror}. Fix: {ROOM_OR_ACCESS}", file=sys.stderr)
            sys.exit(MachineError.exit_code)
        if isinstance(error, MemoryError):  # of pyarrow and numpy too
            print("pmtrec: error: does not fit into memory. Fix: take less data, or a larger machine", file=sys.stderr)
            sys.exit(MachineError.exit_code)
        report = "Fix: set PMTREC_DEBUG=1, run again and report what it prints"
        print(visible(f"pmtrec: error: {type(error).__name__}: {error}: this is a bug in pmtrec. {report}"), file=sys.stderr)
        sys.exit(_OUR_BUG)
    sys.exit(0)


def _end(asked: list[int], number: int, _frame: FrameType | None) -> NoReturn:
    """Through an exception, so that partial outputs are removed and the run ends as KILLED; ``asked`` remembers it."""
    asked.append(number)
    if number == signal.SIGINT:
        raise KeyboardInterrupt
    sys.exit(128 + number)
