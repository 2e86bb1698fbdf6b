"""What a training costs: time and memory as it runs. In MLflow alone, so that equal trainings have equal bytes."""

import resource
import sys
import time

import torch

__all__ = ["PEAK_MEMORY", "SECONDS", "Meter"]

SECONDS = "cost/seconds"
"""Metric of a run: time since its training began, as each epoch ends."""

PEAK_MEMORY = "cost/peak_memory_mib"
"""Metric of a run: the most memory, MiB, that its process has held so far; on CUDA, that torch has held on the device."""

_MIB = 2**20
_RSS_UNIT = 1 if sys.platform == "darwin" else 1024  # bytes; getrusage(2)


class Meter:
    """Starts when it is made."""

    def __init__(self) -> None:
        self._started = time.monotonic()

    def read(self) -> dict[str, float]:
        """The metrics now."""
        of_process = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * _RSS_UNIT
        peak = torch.cuda.max_memory_allocated() or of_process  # 0 where CUDA is not used
        return {SECONDS: time.monotonic() - self._started, PEAK_MEMORY: peak / _MIB}
