"""Where a training begins that goes on from another."""

from collections.abc import Mapping

from torch import Tensor

from pipeline.data.ids import IdMap
from pipeline.data.relation import ITEM, USER
from pipeline.errors import InputError
from pipeline.ranking.recommender import Recommender

__all__ = ["initial"]


def initial(yesterday: Recommender, ids: Mapping[str, IdMap], kind: str) -> dict[str, Tensor]:
    """Embeddings of a model in the numbering of other data (see ``Encoder.start_from``).

    Args:
        yesterday: The model.
        ids: Of users and items of the data.
        kind: Of the method that is to begin there.

    Raises:
        InputError: If the model has no embeddings, or the method learns none.
    """
    rows = yesterday.rows_of(ids[USER], ids[ITEM])
    if kind == "baselines" or USER not in rows:
        what = "this method learns no embeddings" if kind == "baselines" else "that model has no embeddings of users"
        raise InputError(f"warm start: {what}. Fix: begin without one")
    return rows
