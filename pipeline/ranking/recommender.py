"""The trained recommender: top-k items for raw user ids. MLflow packages, loads and serves it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pandas as pd
import torch
from safetensors.torch import load_file, save
from torch import Tensor

from pipeline.artifacts import check_folder, read_json, write_json
from pipeline.data.ids import UNKNOWN, IdMap
from pipeline.data.relation import ITEM, USER
from pipeline.data.split import Split
from pipeline.ranking.top_k import HISTORY, NO_ITEM, WEIGHTS, Histories, ItemLists, Scoring, top_k

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
        user_ids: Id map of the users.
        item_ids: Id map of the items.
        scoring: What ranks.
        seen: Items never recommended to a user again.
    """

    user_ids: IdMap
    item_ids: IdMap
    scoring: Scoring
    seen: ItemLists

    @classmethod
    def of(cls, split: Split, user_ids: IdMap, item_ids: IdMap, tables: Mapping[str, Tensor]) -> "Recommender":
        """A recommender that masks what the evaluation masks (train and valid), so that the test metrics apply to it.

        Args:
            split: The interactions.
            user_ids: Id map of the users.
            item_ids: Id map of the items.
            tables: See ``Scoring.of``.
        """
        train, seen = (
            ItemLists.of(parts, split.n_users, split.n_items) for parts in ([split.train], [split.train, split.valid])
        )
        return cls(user_ids, item_ids, Scoring.of(tables, train), seen)

    def recommend(self, user_ids: Sequence[str], k: int = 10) -> pd.DataFrame:
        """The ``k`` best unseen items of each user.

        Args:
            user_ids: Raw ids. One of whom neither interactions nor links are known gets the most popular items, marked as such.
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
        stranger = numbers == UNKNOWN  # -1, which looks up the last user
        known = self.scoring.knows(numbers) & ~stranger
        items = torch.full((len(numbers), min(k, self.scoring.items.shape[0])), NO_ITEM)
        scores = torch.full(items.shape, torch.nan)
        if stranger.any():
            items[stranger] = self._popular(items.shape[1])
        for places in torch.split((~stranger).nonzero().squeeze(1), _BATCH):
            items[places], scores[places] = top_k(self.scoring, self.seen, numbers[places], items.shape[1])
        scores[~known] = torch.nan
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

    def _popular(self, k: int) -> Tensor:
        """What somebody gets of whom nothing is known ``[k]``."""
        nobody = replace(self.scoring, users=torch.zeros(1, self.scoring.items.shape[1]))
        nothing = ItemLists(torch.zeros(2, dtype=torch.int64), torch.zeros(0, dtype=torch.int64), self.seen.n_items)
        return top_k(nobody, nothing, torch.zeros(1, dtype=torch.int64), k)[0][0]

    def save(self, folder: Path) -> None:
        """Write ``tensors.safetensors`` and ``ids.json`` into an existing folder."""
        if isinstance(self.scoring.users, Histories):
            lists = self.scoring.users.lists
            users = dict(zip(HISTORY, (lists.offsets, lists.items), strict=True))
        else:
            users = {USER: self.scoring.users}
        items = self.scoring.items
        table = {ITEM: items}
        if items.is_sparse_csr:
            table = dict(zip(WEIGHTS, (items.crow_indices(), items.col_indices(), items.values()), strict=True))
        tensors = {
            **users,
            **table,
            "popularity": self.scoring.popularity,
            "seen_offsets": self.seen.offsets,
            "seen_items": self.seen.items,
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
        scoring = replace(Scoring.of(tensors, seen), popularity=tensors["popularity"])
        return cls(user_ids, item_ids, scoring, seen)


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
