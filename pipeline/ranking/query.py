"""What is asked of a recommender, and what it answers, in numbers."""

from collections.abc import Collection
from dataclasses import dataclass

from torch import Tensor

__all__ = ["ANSWER", "Answer", "Query"]

ANSWER = {"user_id": "string", "rank": "long", "item_id": "string", "score": "double", "basis": "string"}
"""Columns of a recommendation and their MLflow types; ``basis`` is what it rests on, see ``Answer``."""


@dataclass(frozen=True)
class Query:
    """What is to be recommended, to whomever.

    Attributes:
        k: Length of a list; shorter where fewer items are left.
        exclude: Items that nobody gets, by raw id; unknown ones are ignored.
        only: The items that there are to choose from, by raw id; ``None``: all.
        exclude_seen: Whether nobody gets what they have.

    Raises:
        ValueError: If ``k`` is not positive.
    """

    k: int = 10
    exclude: Collection[str] = ()
    only: Collection[str] | None = None
    exclude_seen: bool = True

    def __post_init__(self) -> None:
        if self.k < 1:
            raise ValueError(f"k must be >= 1, found {self.k}")


@dataclass(frozen=True, eq=False)
class Answer:
    """Lists, best first, one for each of those who asked.

    Attributes:
        items: Item numbers ``[n, k]``; ``NO_ITEM`` where a list ends early.
        scores: ``[n, k]``, finite; 0 for somebody of whom nothing is known.
        basis: What each list rests on: ``history``, ``links`` (no history, but links to others that have one), ``items`` (a
            history that was given), ``popular`` (nothing is known).
    """

    items: Tensor
    scores: Tensor
    basis: list[str]
