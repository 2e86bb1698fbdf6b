"""Time and memory cost of a training. Logged to MLflow only, so that identical trainings have identical outputs."""

import resource
import sys
import time

import torch

from pipeline.metric_names import PEAK_MEMORY, SECONDS

__all__ = ["Meter"]

_MIB = 2**20
_RSS_UNIT = 1 if sys.platform == "darwin" else 1024  # bytes; getrusage(2)


class Meter:
    """Measures both costs; the clock starts at construction."""

    def __init__(self) -> None:
        self._started = time.monotonic()

    def read(self) -> dict[str, float]:
        """The current values of both metrics."""
        of_process = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * _RSS_UNIT
        peak = torch.cuda.max_memory_allocated() or of_process  # 0 where CUDA is not used
        return {SECONDS: time.monotonic() - self._started, PEAK_MEMORY: peak / _MIB}
