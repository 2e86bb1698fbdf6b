"""Split the interactions into train, valid and test: disjoint, and together complete."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from pipeline.data.relation import ITEM, USER, Relation

__all__ = ["PARTS", "TEST", "TRAIN", "VALID", "Split"]

TRAIN, VALID, TEST = PARTS = ("train", "valid", "test")


@dataclass(frozen=True, eq=False)
class Split:
    """Numbered interactions in three disjoint parts.

    Attributes:
        train, valid, test: Columns ``user`` and ``item`` (int64), and what the interactions have beside (``rating``,
            ``timestamp``, ...).
        n_users: Declared number of users; some may have no interaction in a part.
        n_items: Declared number of items.
    """

    train: pd.DataFrame
    valid: pd.DataFrame
    test: pd.DataFrame
    n_users: int
    n_items: int

    def train_relation(self) -> Relation:
        """The training interactions as the relation of the main task."""
        users, items = (self.train[column].to_numpy(np.int64) for column in ("user", "item"))
        values = {str(name): column.to_numpy() for name, column in self.train.drop(columns=["user", "item"]).items()}
        return Relation("recommendation", USER, ITEM, users, items, self.n_users, self.n_items, values=values)
