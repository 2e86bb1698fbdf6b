"""Whether something fits into memory, asked before it is computed."""

import os
from pathlib import Path

from pipeline.errors import MachineError

__all__ = ["free_memory", "refuse_too_large"]

_SHARE = 0.9
_MEMINFO = Path("/proc/meminfo")
_CGROUPS = (  # folder, limit, usage: version 2, then 1
    (Path("/sys/fs/cgroup"), "memory.max", "memory.current"),
    (Path("/sys/fs/cgroup/memory"), "memory.limit_in_bytes", "memory.usage_in_bytes"),
)


def refuse_too_large(what: str, needed: float, fix: str) -> None:
    """Refuse what does not fit.

    Args:
        what: That needs it, for the error line.
        needed: Bytes.
        fix: What to do instead.

    Raises:
        MachineError: If more is needed than is free.
    """
    free = free_memory()
    if needed > _SHARE * free:
        found = f"{what} needs about {needed / 2**30:.1f} GiB, and {free / 2**30:.1f} GiB are free"
        raise MachineError(f"{found}. Fix: {fix}")


def free_memory() -> float:
    """Bytes that can be had, caches of files included, on this machine and in this container; infinite where nothing tells."""
    found = [float("inf")]
    try:
        lines = dict(line.split(":", 1) for line in _MEMINFO.read_text(encoding="ascii").splitlines())
        found.append(1024.0 * int(lines["MemAvailable"].split()[0]))
    except (OSError, KeyError, ValueError):
        if hasattr(os, "sysconf") and "SC_AVPHYS_PAGES" in os.sysconf_names:
            found.append(float(os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")))
    for folder, limit, used in _CGROUPS:
        try:
            of_files = dict(line.split() for line in (folder / "memory.stat").read_text(encoding="ascii").splitlines())
            in_use = float((folder / used).read_text(encoding="ascii")) - float(of_files.get("inactive_file", 0))
            found.append(float((folder / limit).read_text(encoding="ascii")) - in_use)
        except (OSError, ValueError):  # no such limit
            continue
    return min(found)
