"""What an evaluation gave, in memory and on disk."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from pipeline.data.storage import read_parquet, write_parquet
from pipeline.integrity import check_folder, read_json, write_json

__all__ = ["Evaluation", "load_evaluation", "save_evaluation"]


@dataclass(frozen=True, eq=False)
class Evaluation:
    """What an evaluation gave.

    Attributes:
        metrics: ``<metric>@<k>`` -> mean over the users with test items, or value of the whole ranking.
        per_user: Column ``user`` and one column per metric that has a value per user.
        item_groups: See ``recall_by_popularity``.
    """

    metrics: Mapping[str, float]
    per_user: pd.DataFrame
    item_groups: Mapping[str, float]


def save_evaluation(folder: Path, evaluation: Evaluation) -> None:
    """``metrics.json``, ``item_groups.json`` and ``per_user.parquet``."""
    write_json(folder / "metrics.json", evaluation.metrics)
    write_json(folder / "item_groups.json", evaluation.item_groups)
    write_parquet(folder / "per_user.parquet", evaluation.per_user)


def load_evaluation(folder: Path) -> Evaluation:
    """What ``save_evaluation`` wrote, after a look at the checksums.

    Raises:
        IntegrityError: If a file differs from what was written.
    """
    check_folder(folder)
    values, _ = read_parquet(folder / "per_user.parquet")
    return Evaluation(read_json(folder / "metrics.json"), values, read_json(folder / "item_groups.json"))
