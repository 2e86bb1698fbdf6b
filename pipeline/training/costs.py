"""Time and memory of a training, in a folder beside the model: identical trainings have identical models, but not costs."""

import resource
import sys
from pathlib import Path

import pandas as pd
import torch

from pipeline.integrity import check_folder
from pipeline.metric_names import PEAK_MEMORY, SECONDS

__all__ = ["Meter", "load_costs"]

_FILE = "costs.csv"
_MIB = 2**20
_RSS_UNIT = 1 if sys.platform == "darwin" else 1024  # bytes; getrusage(2)


class Meter:
    """Adds up what epochs took."""

    def __init__(self) -> None:
        self._rows: list[dict[str, float]] = []

    def read(self, epoch: int, seconds: float) -> dict[str, float]:
        """The values of both metrics after an epoch that took some seconds of training."""
        of_process = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * _RSS_UNIT
        peak = torch.cuda.max_memory_allocated() or of_process  # 0 where CUDA is not used
        before = self._rows[-1][SECONDS] if self._rows else 0.0
        found = {SECONDS: before + seconds, PEAK_MEMORY: peak / _MIB}
        self._rows.append({"epoch": epoch, **found})
        return found

    def save(self, folder: Path) -> None:
        """Write ``costs.csv``, a row per epoch."""
        pd.DataFrame(self._rows).to_csv(folder / _FILE, index=False)


def load_costs(folder: Path) -> pd.DataFrame:
    """Columns ``SECONDS`` and ``PEAK_MEMORY``; index: epoch.

    Raises:
        IntegrityError: If the bytes are not those that were written.
    """
    return pd.read_csv(check_folder(folder) / _FILE, index_col="epoch")
