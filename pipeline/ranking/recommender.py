"""The trained recommender: top-k items for raw user ids. MLflow packages, loads and serves it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import torch
from safetensors.torch import load_file, save
from torch import Tensor

from pipeline.artifacts import check_folder, read_json, write_json
from pipeline.data.ids import UNKNOWN, IdMap
from pipeline.data.split import Split
from pipeline.ranking.top_k import NO_ITEM, Histories, ItemLists, ranking_tables, top_k

__all__ = ["ANSWER", "REQUIREMENTS", "Recommender"]

ANSWER = {"user_id": "string", "rank": "long", "item_id": "string", "score": "double", "known_user": "boolean"}
"""Columns of a recommendation and their MLflow types."""

REQUIREMENTS = ("numpy", "pandas", "safetensors", "torch")
"""Packages that a saved recommender needs."""

_BATCH = 512


@dataclass(frozen=True, eq=False)
class Recommender:
    """Recommends unseen items for users by raw id.

    Attributes:
        user_ids: Id map of the rows of ``users``.
        item_ids: Id map of the rows of ``items``.
        users: ``[n_users, dim]``, or the users' histories.
        items: ``[n_items, dim]``.
        seen: Items never recommended to a user again.
        popular: All item numbers, most popular first ``[n_items]``: recommended to unknown users.
        trained: Whether a user has training interactions ``[n_users]``; one without is treated as unknown.
    """

    user_ids: IdMap
    item_ids: IdMap
    users: Tensor | Histories
    items: Tensor
    seen: ItemLists
    popular: Tensor
    trained: Tensor

    @classmethod
    def of(cls, split: Split, user_ids: IdMap, item_ids: IdMap, tables: Mapping[str, Tensor]) -> "Recommender":
        """A recommender that masks what the evaluation masks (train and valid), so that the test metrics apply to it.

        Args:
            split: The interactions.
            user_ids: Id map of the users.
            item_ids: Id map of the items.
            tables: See ``ranking_tables``.
        """
        users, items = ranking_tables(tables, split.train, split.n_users)
        seen = ItemLists.of([split.train, split.valid], split.n_users, split.n_items)
        counts = torch.bincount(torch.tensor(split.train["item"].to_numpy()), minlength=split.n_items)
        trained = torch.bincount(torch.tensor(split.train["user"].to_numpy()), minlength=split.n_users) > 0
        return cls(user_ids, item_ids, users, items, seen, torch.argsort(counts, descending=True, stable=True), trained)

    def recommend(self, user_ids: Sequence[str], k: int = 10) -> pd.DataFrame:
        """The ``k`` best unseen items of each user.

        Args:
            user_ids: Raw ids. One that is unknown, or has no training interaction, gets the most popular items, marked as such.
            k: Length of each list; shorter where a user has fewer unseen items.

        Returns:
            Columns ``user_id``, ``rank`` (from 1), ``item_id``, ``score`` (NaN for unknown users), ``known_user``; best
            first, users in the order asked for.

        Raises:
            ValueError: If ``k`` is not positive.
        """
        if k < 1:
            raise ValueError(f"k must be >= 1, found {k}")
        numbers = torch.from_numpy(self.user_ids.numbers(user_ids))
        known = (numbers != UNKNOWN) & self.trained[numbers]  # UNKNOWN is -1: looks up the last user, to no effect
        items = self.popular[:k].repeat(len(numbers), 1)
        scores = torch.full(items.shape, torch.nan)
        for places in torch.split(known.nonzero().squeeze(1), _BATCH):
            best, best_scores = top_k(self.users, self.items, self.seen, numbers[places], items.shape[1])
            items[places], scores[places] = best, best_scores
        place, rank = (items != NO_ITEM).nonzero(as_tuple=True)
        return pd.DataFrame(
            {
                "user_id": pd.Series([str(user_ids[i]) for i in place.tolist()], dtype="str"),
                "rank": (rank + 1).numpy(),
                "item_id": pd.Series(self.item_ids.raw(items[place, rank].tolist()), dtype="str"),
                "score": scores[place, rank].double().numpy(),
                "known_user": known[place].numpy(),
            }
        )

    def save(self, folder: Path) -> None:
        """Write ``tensors.safetensors`` and ``ids.json`` into an existing folder."""
        if isinstance(self.users, Histories):
            users = {"history_offsets": self.users.lists.offsets, "history_items": self.users.lists.items}
        else:
            users = {"users": self.users}
        tensors = users | {
            "items": self.items,
            "seen_offsets": self.seen.offsets,
            "seen_items": self.seen.items,
            "popular": self.popular,
            "trained": self.trained,
        }
        content = save({name: tensor.contiguous().cpu() for name, tensor in tensors.items()})
        (folder / "tensors.safetensors").write_bytes(content)  # safetensors' own writer hides the system's error
        write_json(folder / "ids.json", {"users": list(self.user_ids.index), "items": list(self.item_ids.index)})

    @classmethod
    def load(cls, folder: Path) -> "Recommender":
        """Read what ``save`` wrote.

        Raises:
            IntegrityError: If a file differs from what was written.
        """
        check_folder(folder)
        tensors = load_file(folder / "tensors.safetensors")
        ids = read_json(folder / "ids.json")
        user_ids, item_ids = (IdMap(pd.Index(ids[kind], dtype="str")) for kind in ("users", "items"))
        seen = ItemLists(tensors["seen_offsets"], tensors["seen_items"], len(item_ids))
        if "users" in tensors:
            users: Tensor | Histories = tensors["users"]
        else:
            users = Histories(ItemLists(tensors["history_offsets"], tensors["history_items"], len(item_ids)))
        return cls(user_ids, item_ids, users, tensors["items"], seen, tensors["popular"], tensors["trained"])


class _Served:
    """The interface that MLflow's pyfunc expects."""

    def __init__(self, recommender: Recommender) -> None:
        self._recommender = recommender

    def predict(self, model_input: pd.DataFrame, params: dict[str, Any] | None = None) -> pd.DataFrame:
        """Recommendations for the column ``user_id``; ``params["k"]`` is the length of the lists."""
        return self._recommender.recommend(model_input["user_id"].tolist(), int((params or {}).get("k", 10)))


def _load_pyfunc(path: str) -> _Served:
    """Called by ``mlflow.pyfunc.load_model``, by this name."""
    return _Served(Recommender.load(Path(path)))
