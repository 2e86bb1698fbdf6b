"""What trainings took, as a table."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from pipeline.metric_names import PEAK_MEMORY, SECONDS, VALIDATION_METRIC

__all__ = ["COSTS", "costs"]

Key = tuple[str, str, int]  # data set, method, seed

_EQUAL = "equal_weights"

COSTS = {
    "epochs": "epochs to best",
    "seconds": "seconds to best",
    "seconds_per_epoch": "seconds per epoch",
    "relative_cost": "x equal_weights",
    "peak_memory": "peak memory (MiB)",
}
"""Column -> what the header of a table calls it."""


def costs(histories: Mapping[Key, pd.DataFrame], measured: Mapping[Key, pd.DataFrame]) -> pd.DataFrame:
    """Training costs as medians over seeds; one row per data set and method whose costs are known.

    Args:
        histories: (data set, method, seed) -> one row per epoch.
        measured: The same keys -> ``SECONDS`` and ``PEAK_MEMORY`` by epoch, measured live, so a busy machine distorts times.

    Returns:
        ``dataset``, ``method``, ``epochs`` (until the best one), ``seconds`` (of training until the end of the best
        epoch, without start-up, validation and logging),
        ``seconds_per_epoch`` (NaN for a baseline, which has no epochs), ``peak_memory`` (MiB), ``relative_cost`` (seconds per
        epoch relative to equal_weights; NaN if these are unknown).
    """
    rows = []
    for (dataset, method, seed), table in measured.items():
        history, at = histories[dataset, method, seed], table[SECONDS].sort_index()
        best = int(history["epoch"].iloc[int(history[VALIDATION_METRIC].to_numpy().argmax())])
        # The first epoch, left out here, includes one-off work such as compiling; a baseline has no other, hence NaN.
        per_epoch = at.diff().mean()
        rows.append((dataset, method, best, at.get(best, np.nan), per_epoch, table[PEAK_MEMORY].max()))
    names = ["dataset", "method", "epochs", "seconds", "seconds_per_epoch", "peak_memory"]
    found = pd.DataFrame(rows, columns=names).groupby(["dataset", "method"], sort=False).median().reset_index()
    equal = found[found["method"] == _EQUAL].set_index("dataset")["seconds_per_epoch"]
    return found.assign(relative_cost=found["seconds_per_epoch"] / found["dataset"].map(equal))
