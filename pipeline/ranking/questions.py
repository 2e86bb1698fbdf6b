"""What is asked of a recommender from outside, checked: one form for MLflow, the server, the command line and the page."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from pipeline.errors import InputError
from pipeline.ranking.query import ANSWER, Answer, Query
from pipeline.ranking.recommender import Recommender
from pipeline.ranking.scoring import NO_ITEM

__all__ = ["MOST_K", "WHAT", "WHO", "Ask", "answers", "lists_of", "query_of", "refuse_unknown", "table_of"]

WHO = ("user_id", "items", "item_id")
WHAT = ("k", "exclude", "only", "exclude_seen")
"""Keys of a question: about whom, and what is asked for."""

MOST_K = 1_000
"""The longest list that can be asked for."""

_MOST_NAMED = 100_000  # ids in one list of a question


@dataclass(frozen=True)
class Ask:
    """One question.

    Attributes:
        user_id: A user, by raw id.
        items: What somebody new has, by raw id; used where there is no ``user_id``.
        item_id: An item, for similar ones; used where there is neither.
        query: What else is asked for.
    """

    user_id: str | None
    items: tuple[str, ...] | None
    item_id: str | None
    query: Query

    @classmethod
    def of(cls, row: Mapping[Any, Any], query: Query) -> "Ask":
        """From JSON, or a row of a data frame; what is missing may be absent, ``None`` or NaN.

        Args:
            row: ``user_id``, ``items`` or ``item_id``.
            query: What else is asked for (see ``query_of``).

        Raises:
            InputError: If a value is not what it must be.
        """
        values = {key: value for key, value in row.items() if not _is_absent(value)}
        refuse_unknown(values, WHO)
        user, item = (None if key not in values else _text(key, values[key]) for key in ("user_id", "item_id"))
        items = _texts("items", values["items"]) if "items" in values else None
        if user is None and item is None and items is None:
            raise InputError("nobody is asked for. Fix: give user_id, items or item_id")
        return cls(user, items, item, query)


def query_of(params: Mapping[str, Any]) -> Query:
    """What is asked for, from JSON: ``k``, ``exclude``, ``only``, ``exclude_seen``; what is absent or ``None`` has its default.

    Raises:
        InputError: If a value is not what it must be, or there is no such key.
    """
    values = {key: value for key, value in params.items() if not _is_absent(value)}
    refuse_unknown(values, WHAT)
    seen = values.get("exclude_seen", True)
    if not isinstance(seen, bool):
        raise InputError(f"exclude_seen: must be true or false, found {str(seen)[:60]!r}")
    only = frozenset(_texts("only", values["only"])) if "only" in values else None
    return Query(_length(values.get("k", 10)), frozenset(_texts("exclude", values.get("exclude", []))), only, seen)


def refuse_unknown(values: Mapping[Any, Any], known: Sequence[str]) -> None:
    """Refuse keys that mean nothing.

    Raises:
        InputError: If there is one.
    """
    if unknown := sorted(set(map(str, values)) - set(known)):
        raise InputError(f"{unknown[0][:60]}: there is no such key. Fix: write one of {', '.join(known)}")


def answers(model: Recommender, asks: Sequence[Ask]) -> list[Answer]:
    """An answer of one list for each question about a user or a history; those that ask for the same are answered together."""
    groups: dict[tuple[bool, Query], list[int]] = {}
    for place, ask in enumerate(asks):
        groups.setdefault((ask.user_id is not None, ask.query), []).append(place)
    found: dict[int, Answer] = {}
    for (is_user, query), places in groups.items():
        if is_user:
            whole = model.answer([str(asks[place].user_id) for place in places], query)
        else:
            whole = model.answer_for([asks[place].items or () for place in places], query)
        for row, place in enumerate(places):
            found[place] = Answer(whole.items[row : row + 1], whole.scores[row : row + 1], whole.basis[row : row + 1])
    return [found[place] for place in range(len(asks))]


def lists_of(model: Recommender, asks: Sequence[Ask]) -> list[dict[str, Any]]:
    """JSON, an object per question: ``items``, ``scores``, ``basis``, and ``user_id`` or ``item_id`` where one was given."""
    users = iter(answers(model, [ask for ask in asks if not _is_similar(ask)]))
    found = []
    for ask in asks:
        if _is_similar(ask):
            table = model.similar_items([str(ask.item_id)], ask.query.k, exclude=ask.query.exclude, only=ask.query.only)
            scores = [round(score, 6) for score in table["score"].tolist()]
            basis = "item" if model.item_number(ask.item_id) >= 0 else "unknown"
            found.append({"item_id": ask.item_id, "basis": basis, "items": table["similar_id"].tolist(), "scores": scores})
            continue
        answer = next(users)
        there = answer.items[0] != NO_ITEM
        own = {} if ask.user_id is None else {"user_id": ask.user_id}
        items, scores = model.item_names(answer.items[0][there]), answer.scores[0][there].double().tolist()
        found.append({**own, "basis": answer.basis[0], "items": items, "scores": [round(score, 6) for score in scores]})
    return found


def table_of(model: Recommender, asks: Sequence[Ask]) -> pd.DataFrame:
    """The same with a row per recommendation, in the columns of ``ANSWER``.

    ``user_id`` is the item of a question for similar ones, and the place of the question, from 0, for somebody new.
    """
    rows: dict[str, list[Any]] = {column: [] for column in ANSWER}
    for place, answer in enumerate(lists_of(model, asks)):
        who = answer.get("user_id", answer.get("item_id", str(place)))
        for rank, (item, score) in enumerate(zip(answer["items"], answer["scores"], strict=True), 1):
            for column, value in zip(rows, (who, rank, item, score, answer["basis"]), strict=True):
                rows[column].append(value)
    kinds = {"string": "str", "long": "int64", "double": "float64"}
    return pd.DataFrame(rows).astype({column: kinds[kind] for column, kind in ANSWER.items()})


def _is_similar(ask: Ask) -> bool:
    return ask.user_id is None and ask.items is None


def _is_absent(value: Any) -> bool:
    return value is None or (isinstance(value, float) and value != value)  # noqa: PLR0124  # NaN


def _text(key: str, value: Any) -> str:
    """Text or a whole number; a column of numbers with gaps has them as floats."""
    if isinstance(value, str):
        if any("\ud800" <= character <= "\udfff" for character in value):
            raise InputError(f"{key}: must be text, found half of a character")
        return value
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int):
        if hasattr(value, "item"):  # a number of numpy
            return _text(key, value.item())
        raise InputError(f"{key}: must be text or a whole number, found {str(value)[:60]!r}")
    return str(value)


def _texts(key: str, values: Any) -> tuple[str, ...]:
    if hasattr(values, "tolist"):
        values = values.tolist()
    if isinstance(values, str | Mapping) or not isinstance(values, Sequence):
        raise InputError(f"{key}: must be a list of ids, found {str(values)[:60]!r}")
    if len(values) > _MOST_NAMED:
        raise InputError(f"{key}: {len(values):,} ids are too many. Fix: give {_MOST_NAMED:,} at most")
    return tuple(_text(key, value) for value in values)


def _length(k: Any) -> int:
    if isinstance(k, bool) or not isinstance(k, int) or not 1 <= k <= MOST_K:
        raise InputError(f"k: must be a whole number in 1..{MOST_K}, found {str(k)[:60]!r}")
    return k
