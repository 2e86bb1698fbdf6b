"""Which process did something, and whether it is still there."""

import os
import socket
from pathlib import Path

__all__ = ["is_gone", "is_here", "this_process"]

_STARTED = 19  # of the fields of /proc/<pid>/stat behind the name


def this_process() -> str:
    """Machine, number and start of this process: numbers are used again."""
    return f"{socket.gethostname()}:{os.getpid()}:{_started(str(os.getpid()))}"


def is_gone(process: str) -> bool:
    """Whether what ``this_process`` has given ran on this machine and has ended; of other machines nobody knows."""
    host, _, rest = process.partition(":")
    number, _, started = rest.partition(":")
    if host != socket.gethostname() or not number.isdigit() or not Path("/proc/self/stat").is_file():
        return False
    now = _started(number)
    return not now or now != started


def is_here(process: str) -> bool:
    """Whether what ``this_process`` has given is of this machine and goes on."""
    return process.partition(":")[0] == socket.gethostname() and Path("/proc/self/stat").is_file() and not is_gone(process)


def _started(number: str) -> str:
    try:
        return Path("/proc", number, "stat").read_text(encoding="utf-8").rpartition(")")[2].split()[_STARTED]
    except (OSError, IndexError):
        return ""
