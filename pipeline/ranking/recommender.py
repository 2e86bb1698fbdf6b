"""The trained recommender: top-k items for users by raw id, or for a history; similar items and users."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor
from torch.nn import functional

from pipeline.data.ids import UNKNOWN, IdMap
from pipeline.data.relation import ITEM, USER
from pipeline.data.split import Split
from pipeline.ranking.fold_in import FoldIn, fold_in_of
from pipeline.ranking.item_lists import ItemLists
from pipeline.ranking.likeness import Likeness
from pipeline.ranking.links import Links
from pipeline.ranking.query import Answer, Query
from pipeline.ranking.scoring import NO_ITEM, Scoring, plain_top_k

__all__ = ["Recommender"]

_SPARE = 64  # items that an index is asked for beyond those needed
_SCORES = 2**24  # in memory at once


@dataclass(frozen=True, eq=False)
class Recommender:
    """Recommends unseen items for users by raw id.

    Attributes:
        user_ids: Id map of the users.
        item_ids: Id map of the items.
        scoring: What ranks.
        seen: All that is known of what users have: never recommended to them again.
        fold_in: How a history becomes a row.
        links: Side relations, for explanations.
        weights: The tasks' weights for every user and item at some epochs (see ``pipeline.training.weight_trace``).
        about: What the model is: data set, method, seed, version, ...
        titles: Of the items, by raw id, where the data have them.
        nearest: Finds about so many of the best items of a row (see ``pipeline.serving.index``); ``None``: all are looked at.
    """

    user_ids: IdMap
    item_ids: IdMap
    scoring: Scoring
    seen: ItemLists
    fold_in: FoldIn
    links: Sequence[Links] = ()
    weights: Mapping[str, Tensor] = field(default_factory=dict)
    about: Mapping[str, Any] = field(default_factory=dict)
    titles: Mapping[str, str] = field(default_factory=dict)
    nearest: Callable[[Tensor, int], Tensor] | None = None

    @classmethod
    def of(cls, split: Split, user_ids: IdMap, item_ids: IdMap, tables: Mapping[str, Tensor], **others: Any) -> "Recommender":
        """A recommender that masks all that users are known to have, held-out interactions included.

        So the test metrics are of the same tables, but not of the lists that users get: those leave out what was to be found.

        Args:
            split: The interactions.
            user_ids: Id map of the users.
            item_ids: Id map of the items.
            tables: See ``Scoring.of``.
            **others: ``links``, ``weights``, ``about``, ``titles``.
        """
        train, seen = (
            ItemLists.of(parts, split.n_users, split.n_items)
            for parts in ([split.train], [split.train, split.valid, split.test])
        )
        scoring = Scoring.of(tables, train)
        return cls(user_ids, item_ids, scoring, seen, fold_in_of(tables, scoring.users, scoring.items), **others)

    def recommend(self, user_ids: Sequence[str], k: int = 10, **filters: Any) -> pd.DataFrame:
        """The ``k`` best items of each user.

        Args:
            user_ids: Raw ids. Of whom nothing is known gets the most popular items, flagged as such.
            k: Length of each list; shorter where fewer items are left.
            **filters: ``exclude``, ``only``, ``exclude_seen`` of ``Query``.

        Returns:
            Columns ``user_id``, ``rank`` (from 1), ``item_id``, ``score``, ``basis`` (see ``Answer``); best first, users in the
            order asked for.

        Raises:
            ValueError: If ``k`` is not positive.
        """
        return self.table(list(user_ids), self.answer(user_ids, Query(k, **filters)))

    def recommend_for(self, histories: Sequence[Sequence[str]], k: int = 10, **filters: Any) -> pd.DataFrame:
        """The same for new users, of whom a list of items is all that is known; ``user_id`` is their number, from 0."""
        answer = self.answer_for(histories, Query(k, **filters))
        return self.table([str(number) for number in range(len(histories))], answer)

    @torch.no_grad()
    def answer(self, user_ids: Sequence[str], query: Query) -> Answer:
        """As ``recommend``, in numbers."""
        numbers = torch.tensor([self.user_number(user) for user in user_ids], dtype=torch.int64)
        stranger = numbers == UNKNOWN  # -1, which looks up the last user
        known = numbers.clamp(min=0)
        rests = self.scoring.knows(known) & ~stranger
        has_history = self.seen.lengths()[known] > 0
        basis = ["popular" if not rests[n] else "history" if has_history[n] else "links" for n in range(len(numbers))]
        found = []
        for part in torch.split(torch.arange(len(numbers)), self._at_once):
            of, nobody = known[part], stranger[part]
            rows, seen = self.scoring.users[of], self.seen.select(of)
            if nobody.any():
                rows, seen = rows.masked_fill(nobody.unsqueeze(1), 0), seen.without(nobody)
            best = self._among_nearest if self.nearest else self._best
            found.append(best(rows, seen, query, of))
        return _joined(found, basis, query.k)

    @torch.no_grad()
    def answer_for(self, histories: Sequence[Sequence[str]], query: Query) -> Answer:
        """As ``recommend_for``, in numbers."""
        lists = [self._numbers(history).tolist() for history in histories]
        given = ItemLists.of_lists(lists, self.seen.n_items)
        found = []
        for part in torch.split(torch.arange(len(lists)), self._at_once):
            own = given.select(part)
            best = self._among_nearest if self.nearest else self._best
            found.append(best(self.fold_in.rows(own), own, query, part))
        return _joined(found, ["items" if of else "popular" for of in lists], query.k)

    def similar_items(
        self, item_ids: Sequence[str], k: int = 10, *, exclude: Collection[str] = (), only: Collection[str] | None = None
    ) -> pd.DataFrame:
        """The ``k`` items that are most like each of some items (see ``Likeness``), and are like them at all.

        Args:
            item_ids: Raw ids; nothing is like an unknown one.
            k: Length of each list.
            exclude: See ``Query``.
            only: See ``Query``.

        Returns:
            Columns ``item_id``, ``rank``, ``similar_id``, ``score``.
        """
        banned = self._numbers(exclude)
        if only is not None:
            others = np.setdiff1d(np.arange(self.seen.n_items), self._numbers(only).numpy())
            banned = torch.cat([banned, torch.from_numpy(others)])
        return self._similar(ITEM, item_ids, k, banned)

    def similar_users(self, user_ids: Sequence[str], k: int = 10) -> pd.DataFrame:
        """The ``k`` users who are most like each of some users; columns ``user_id``, ``rank``, ``similar_id``, ``score``."""
        return self._similar(USER, user_ids, k, torch.zeros(0, dtype=torch.int64))

    def rows_of(self, user_ids: IdMap, item_ids: IdMap) -> dict[str, Tensor]:
        """Embeddings in another numbering, for a warm start: NaN for who is not known; nothing where there are none."""
        found = {}
        for kind, table, ours, wanted in (
            (USER, self.scoring.users, self.user_ids, user_ids),
            (ITEM, self.scoring.items, self.item_ids, item_ids),
        ):
            if isinstance(table, Tensor) and table.layout == torch.strided:
                numbers = torch.from_numpy(ours.numbers(wanted.index))
                rows = table[numbers.clamp(min=0)].clone()
                rows[(numbers == UNKNOWN) | (rows == 0).all(dim=1)] = torch.nan
                found[kind] = rows
        return found

    def user_number(self, raw_id: object) -> int:
        """Number of a user, or ``UNKNOWN``; the index is built once."""
        return self._user_places.get(str(raw_id), UNKNOWN)

    def item_number(self, raw_id: object) -> int:
        """Number of an item, or ``UNKNOWN``."""
        return self._item_places.get(str(raw_id), UNKNOWN)

    def item_names(self, numbers: Tensor) -> list[str]:
        """Raw ids of items."""
        names = self._item_names
        return [names[number] for number in numbers.tolist()]

    def table(self, user_ids: Sequence[str], answer: Answer) -> pd.DataFrame:
        """An answer with a row per recommendation (see ``recommend``)."""
        place, rank = (answer.items != NO_ITEM).nonzero(as_tuple=True)
        return pd.DataFrame(
            {
                "user_id": pd.Series([str(user_ids[i]) for i in place.tolist()], dtype="str"),
                "rank": (rank + 1).numpy(),
                "item_id": pd.Series(self.item_names(answer.items[place, rank]), dtype="str"),
                "score": answer.scores[place, rank].double().numpy(),
                "basis": pd.Series([answer.basis[i] for i in place.tolist()], dtype="str"),
            }
        )

    @property
    def _at_once(self) -> int:
        return max(_SCORES // max(self.seen.n_items, 1), 1)

    def _best(
        self, rows: Tensor, seen: ItemLists, query: Query, keys: Tensor, among: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """Lists of some rows.

        Args:
            rows: ``[n, dim]``.
            seen: Of each row, items that it does not get.
            query: What else is asked for.
            keys: Numbers by which ties are broken ``[n]``.
            among: Numbers of the items to choose from, in ascending order; by default those of ``query.only``, or all.
        """
        if not query.exclude_seen:
            seen = ItemLists.of_lists([[]] * len(rows), seen.n_items)
        scoring = self.scoring
        chosen = among if among is not None or query.only is None else self._numbers(query.only)
        if chosen is not None:
            if scoring.items.layout == torch.strided:  # few of many cost little then
                scoring = replace(scoring, items=scoring.items[chosen], popularity=scoring.popularity[chosen])
                seen = seen.among(chosen) if len(chosen) else seen
            else:
                others = np.setdiff1d(np.arange(seen.n_items), chosen.numpy())
                seen, chosen = seen.joined(torch.from_numpy(others)), None
            if scoring.items.shape[0] == 0:
                return torch.zeros(len(rows), 0, dtype=torch.int64), torch.zeros(len(rows), 0)
        if len(banned := self._numbers(query.exclude)):
            seen = seen.joined(banned if chosen is None else torch.isin(chosen, banned).nonzero().squeeze(1))
        asking = replace(scoring, users=rows)
        k = min(query.k, scoring.items.shape[0])
        items, scores = plain_top_k(asking, seen, torch.arange(len(rows)), k, keys, chosen)
        if chosen is not None:
            items = torch.where(items == NO_ITEM, items, chosen[items.clamp(min=0)])
        return items, scores

    def _numbers(self, item_ids: Collection[str]) -> Tensor:
        """Numbers of the items that there are, in ascending order."""
        found = {self.item_number(item) for item in item_ids} - {UNKNOWN}
        return torch.tensor(sorted(found), dtype=torch.int64)

    def _among_nearest(self, rows: Tensor, seen: ItemLists, query: Query, keys: Tensor) -> tuple[Tensor, Tensor]:
        """The same among the nearest items of each row; as many more as may fall away."""
        found = []
        for row in range(len(rows)):
            own, one = seen.select(torch.tensor([row])), torch.tensor([row])
            among = None
            if self.nearest and query.only is None and bool(rows[row].any()):
                n = query.k + int(own.lengths()[0]) * query.exclude_seen + len(query.exclude) + _SPARE
                among = self.nearest(rows[row], n)
            items, scores = self._best(rows[one], own, query, keys[one], among)
            missing = min(query.k, seen.n_items) - items.shape[1]
            items = functional.pad(items, (0, max(missing, 0)), value=NO_ITEM)
            found.append((items, functional.pad(scores, (0, max(missing, 0)))))
        return torch.cat([of for of, _ in found]), torch.cat([of for _, of in found])

    def _similar(self, kind: str, raw_ids: Sequence[str], k: int, banned: Tensor) -> pd.DataFrame:
        Query(k)
        ids, number_of = (self.item_ids, self.item_number) if kind == ITEM else (self.user_ids, self.user_number)
        rows: dict[str, list[Any]] = {f"{kind}_id": [], "rank": [], "similar_id": [], "score": []}
        for raw_id in raw_ids:
            if (number := number_of(raw_id)) == UNKNOWN:
                continue
            scores = self._likeness.of(kind, number)
            scores[banned] = -torch.inf
            scores[number] = -torch.inf
            best, places = torch.topk(scores, min(k, max(len(ids) - 1, 0)))
            for rank, (place, score) in enumerate(zip(places.tolist(), best.tolist(), strict=True), 1):
                if score > 0:
                    for column, value in zip(rows, (str(raw_id), rank, str(ids.index[place]), score), strict=True):
                        rows[column].append(value)
        return pd.DataFrame(rows).astype({f"{kind}_id": "str", "rank": "int64", "similar_id": "str", "score": "float64"})

    @cached_property
    def _likeness(self) -> Likeness:
        return Likeness(self.scoring)

    @cached_property
    def _user_places(self) -> dict[str, int]:
        return {name: number for number, name in enumerate(self.user_ids.index)}

    @cached_property
    def _item_places(self) -> dict[str, int]:
        return {name: number for number, name in enumerate(self.item_ids.index)}

    @cached_property
    def _item_names(self) -> list[str]:
        return [str(name) for name in self.item_ids.index]


def _joined(found: Sequence[tuple[Tensor, Tensor]], basis: list[str], k: int) -> Answer:
    if not found:
        return Answer(torch.zeros(0, k, dtype=torch.int64), torch.zeros(0, k), basis)
    items, scores = (torch.cat(parts) for parts in zip(*found, strict=True))
    return Answer(items, scores.masked_fill(items == NO_ITEM, 0.0) + 0.0, basis)  # no -0
