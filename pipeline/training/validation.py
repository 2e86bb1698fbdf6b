"""The validation of what has been learned so far: by it epochs and settings are chosen, for all methods alike."""

import math
from collections.abc import Mapping, Sequence

from torch import Tensor

from pipeline.data.relation import Relation
from pipeline.data.split import Split
from pipeline.data.task_data import TaskData
from pipeline.evaluation.evaluator import per_user, rank
from pipeline.metric_names import VALIDATION_CUTOFF
from pipeline.metrics.ndcg import ndcg
from pipeline.ranking.cold_start import ColdStart
from pipeline.ranking.item_lists import ItemLists
from pipeline.ranking.scoring import Scoring

__all__ = ["Validation"]


class Validation:
    """Ranks as the recommender would answer, for the users with validation items; training items are masked.

    Args:
        split: The interactions.
        data: All tasks of the data set, main task first: friends speak for users without a history.
        learned: Those that the method learns from; by default all of them.

    Attributes:
        seen: Training items of every user.
        is_empty: Whether there is nothing to validate by.
    """

    def __init__(self, split: Split, data: Sequence[TaskData] = (), learned: Sequence[TaskData] | None = None) -> None:
        self.seen = ItemLists.of([split.train], split.n_users, split.n_items)
        self._relevant = ItemLists.of([split.valid], split.n_users, split.n_items)
        self.is_empty = split.valid.empty
        used = [split.train_relation(), *_relations(data if learned is None else learned)]
        self._cold = ColdStart(self.seen, _relations(data[1:]), used)

    def served(self, tables: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """The tables as they are served (see ``ColdStart.fill``)."""
        return self._cold.fill(tables)

    def ndcg(self, tables: Mapping[str, Tensor]) -> float:
        """NDCG@20 of the tables that rank, as they are served; NaN if there is nothing to validate by."""
        if self.is_empty:
            return math.nan
        ranking = rank(Scoring.of(self.served(tables), self.seen), self.seen, self._relevant, VALIDATION_CUTOFF)
        return float(per_user(ranking, {"ndcg": ndcg}, [VALIDATION_CUTOFF])[f"ndcg@{VALIDATION_CUTOFF}"].mean())


def _relations(data: Sequence[TaskData]) -> list[Relation]:
    return [task.relation for task in data if task.relation is not None]
