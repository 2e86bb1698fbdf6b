"""Time and memory cost of a training. Logged to MLflow only, so that identical trainings have identical outputs."""

import resource
import sys

import torch

from pipeline.metric_names import PEAK_MEMORY, SECONDS

__all__ = ["Meter"]

_MIB = 2**20
_RSS_UNIT = 1 if sys.platform == "darwin" else 1024  # bytes; getrusage(2)


class Meter:
    """Adds up what epochs took."""

    def __init__(self) -> None:
        self._seconds = 0.0

    def read(self, seconds: float) -> dict[str, float]:
        """The values of both metrics after an epoch that took some seconds of training."""
        self._seconds += seconds
        of_process = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * _RSS_UNIT
        peak = torch.cuda.max_memory_allocated() or of_process  # 0 where CUDA is not used
        return {SECONDS: self._seconds, PEAK_MEMORY: peak / _MIB}
