"""`pmtrec recommend`, `similar`, `explain`: one question, one answer."""

from pathlib import Path
from typing import Any

from pipeline.config.run_config import read_config
from pipeline.errors import InputError
from pipeline.ranking.explanation import explain as reasons
from pipeline.ranking.explanation import explain_item, explain_user
from pipeline.ranking.questions import Ask, lists_of, query_of
from pipeline.ranking.recommender import Recommender
from pipeline.serving.source import Source
from pipeline.terminal.screen import say, show_json, show_table

__all__ = ["explain", "opened", "recommend", "similar", "source_of"]


def source_of(name: str | None) -> Source:
    """The model that is meant; by default the champion of the first data set of params.yaml.

    Raises:
        InputError: If none is named, and there is no params.yaml to name one.
    """
    if name is None:
        if not Path("params.yaml").is_file():
            raise InputError("--from: no model is named. Fix: write one, or run from the folder of a project")
        name = read_config(Path("params.yaml")).datasets[0]
    return Source(name)


def opened(name: str | None) -> Recommender:
    """The recommender that is meant."""
    return source_of(name).load()[0]


def recommend(
    source: str | None, users: list[str], items: list[str], k: int, exclude: list[str], only: list[str], fresh: bool, json: bool
) -> None:
    """A list for each user, or one for a history."""
    query = query_of({"k": k, "exclude": exclude, "only": only or None, "exclude_seen": fresh})
    asks = [Ask.of({"user_id": user}, query) for user in users]
    if items:
        asks.append(Ask.of({"items": items}, query))
    if not asks:
        raise InputError("nobody is asked for. Fix: write ids of users, or --item")
    model = opened(source)
    found = lists_of(model, asks)
    if json:
        show_json(found)
        return
    show_table(
        [
            {"for": of.get("user_id", "your items"), "rank": rank, **_titled(model, item), "score": score, "basis": of["basis"]}
            for of in found
            for rank, (item, score) in enumerate(zip(of["items"], of["scores"], strict=True), 1)
        ]
    )
    if any(of["basis"] == "popular" for of in found):
        say("popular: nothing is known of this user, so these are what most have")


def similar(source: str | None, items: list[str], users: list[str], k: int, json: bool) -> None:
    """What is like some items, who is like some users."""
    if not items and not users:
        raise InputError("nothing is asked for. Fix: write --item or --user")
    model = opened(source)
    tables = (model.similar_items(items, k), model.similar_users(users, k))
    rows: list[dict[str, Any]] = [
        {str(key): of for key, of in row.items()} for table in tables for row in table.to_dict("records")
    ]
    known = {str(row[key]) for row in rows for key in ("item_id", "user_id") if key in row}
    if missing := [name for name in (*items, *users) if name not in known]:
        raise InputError(f"{missing[0]}: is not known to this model, or like nothing. Fix: write the id as the data have it")
    if json:
        show_json(rows)
        return
    for key in ("item_id", "user_id"):
        if of_kind := [row for row in rows if key in row]:
            show_table(of_kind)


def explain(source: str | None, user: str | None, item: str | None, n: int, json: bool) -> None:
    """The reasons for an item; or all about a user or an item."""
    if user is None and item is None:
        raise InputError("nothing is asked for. Fix: write --user, --item or both")
    model = opened(source)
    if user is not None and item is not None:
        found = reasons(model, user, item, n)
    else:
        found = explain_user(model, user, n) if user is not None else explain_item(model, str(item), n)
    if json:
        show_json(found)
        return
    for key, value in found.items():
        if isinstance(value, list) and value:
            show_table([{name: _short(of) for name, of in row.items()} for row in value], key)
        elif key == "weights" and value:
            show_table(_by_epoch(value), "weights of the tasks, by epoch")
        elif key == "links" and value:
            show_table([{"relation": name, "n": of["n"], "first": ", ".join(of["first"])} for name, of in value.items()], key)
        elif value not in ([], {}):
            say(f"{key}: {value:.4f}" if isinstance(value, float) else f"{key}: {value}")


def _titled(model: Recommender, item: str) -> dict[str, str]:
    return {"item": item, **({"title": model.titles.get(item, "")} if model.titles else {})}


def _short(value: Any) -> Any:
    return ", ".join(map(str, value)) if isinstance(value, list) else value


def _by_epoch(weights: dict[str, Any]) -> list[dict[str, Any]]:
    return [
        {"epoch": epoch, **{task: "-" if of[place] is None else of[place] for task, of in weights["tasks"].items()}}
        for place, epoch in enumerate(weights["epochs"])
    ]
