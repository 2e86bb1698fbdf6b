"""A process that ends with the one that started it."""

import os
import signal
import sys
from types import FrameType

__all__ = ["end_with_parent", "guard"]

_PR_SET_PDEATHSIG = 1
_INIT = 1  # whose child a process is that has lost its parent


def guard() -> None:
    """What a stage does first: end with DVC, and on a signal without a traceback, while the libraries are imported.

    They take seconds, in which there is nothing yet to be lost; ``pipeline.terminal.running`` takes over from there. What this
    module itself needs is imported after the signals are cared for: only the start of Python is left, 20 ms.
    """
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _leave)
    end_with_parent()
    by_dvc = sys.platform == "linux" and "DVC_ROOT" in os.environ
    if by_dvc and os.getppid() == _INIT:
        with open("/proc/1/cmdline", "rb") as file:
            if b"dvc" not in file.read():
                os._exit(128 + signal.SIGTERM)  # it ended before we could ask to be told


def end_with_parent(by: signal.Signals = signal.SIGTERM) -> None:
    """On Linux: a killed dvc must not leave its stage behind as a second writer, nor a killed stage its workers."""
    if sys.platform == "linux":
        import ctypes
        from multiprocessing import parent_process

        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, by)
        parent = parent_process()  # of a worker
        if parent and parent.pid != os.getppid():  # it ended before we could ask to be told
            os._exit(128 + by)


def _leave(number: int, _frame: FrameType | None) -> None:
    os._exit(128 + number)
