"""Why somebody gets an item: from what of the history, whom and which links it comes (ours)."""

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from pipeline.data.ids import UNKNOWN
from pipeline.data.relation import ITEM, USER
from pipeline.errors import InputError
from pipeline.ranking.fold_in import LeastSquares, MultiHot
from pipeline.ranking.recommender import Recommender
from pipeline.ranking.scoring import Histories

__all__ = ["explain", "explain_item", "explain_user", "weights_of"]

Reasons = dict[str, Any]

_HOW = {
    MultiHot: "weights between items: the pulls of the history add up to the score",
    LeastSquares: "terms of the solver's equations: the pulls of the history add up to the score of this history alone",
}
_COSINES = "cosines of embeddings: how near, not how much of the score"


def explain(model: Recommender, user_id: str, item_id: str, n: int = 5) -> Reasons:
    """The reasons for an item.

    Args:
        model: What recommends.
        user_id: Raw id.
        item_id: Raw id.
        n: Reasons of each kind.

    Returns:
        JSON: ``score``; ``how`` the pulls are to be read; ``history``: items of the user with their ``pull``, the strongest
        first; ``friends``: linked users, their own ``pull`` towards the item and whether they ``has`` it; ``attributes``: what
        the item shares with the history, with the sum of the pulls of what shares it; ``weights`` (see ``weights_of``).

    Raises:
        InputError: If the user or the item is not known.
    """
    user, item = _known(model, USER, user_id), _known(model, ITEM, item_id)
    users = model.scoring.users
    lists = users.lists if isinstance(users, Histories) else model.seen  # what is added up, or all that is known
    history = lists.pairs(torch.tensor([user]))[1]
    history = history[history != item] if lists is model.seen else history
    pulls = model.fold_in.pulls(history, item) if len(history) else torch.zeros(0)
    score = float(model.scoring.of_rows(model.scoring.users[torch.tensor([user])])[0, item])
    return {
        "user_id": str(user_id),
        "item_id": str(item_id),
        "score": score,
        "how": _HOW.get(type(model.fold_in), _COSINES),
        "history_total": float(pulls.sum()),
        "history": _strongest(model, [(int(i), float(p)) for i, p in zip(history, pulls, strict=True)], n),
        "friends": _friends(model, user, item, n),
        "attributes": _attributes(model, item, history, pulls, n),
        "weights": weights_of(model, USER, user_id),
    }


def explain_user(model: Recommender, user_id: str, n: int = 10) -> Reasons:
    """What is known of a user: ``history``, ``similar`` users, linked nodes by relation, ``weights``.

    Raises:
        InputError: If the user is not known.
    """
    user = _known(model, USER, user_id)
    history = model.seen.pairs(torch.tensor([user]))[1]
    return {
        "user_id": str(user_id),
        "n_history": len(history),
        "history": [_item(model, number) for number in history[:n].tolist()],
        "similar": model.similar_users([user_id], n)[["similar_id", "score"]].to_dict("records"),
        "links": _links(model, USER, user, n),
        "weights": weights_of(model, USER, user_id),
    }


def explain_item(model: Recommender, item_id: str, n: int = 10) -> Reasons:
    """What is known of an item: ``popularity``, ``similar`` items, linked nodes by relation, ``weights``.

    Raises:
        InputError: If the item is not known.
    """
    item = _known(model, ITEM, item_id)
    similar = model.similar_items([item_id], n)
    return {
        **_item(model, item),
        "popularity": int((model.seen.items == item).sum()),
        "similar": [
            {**_item(model, model.item_number(name)), "score": score}
            for name, score in zip(similar["similar_id"], similar["score"], strict=True)
        ],
        "links": _links(model, ITEM, item, n),
        "weights": weights_of(model, ITEM, item_id),
    }


def weights_of(model: Recommender, kind: str, raw_id: str) -> Reasons:
    """The tasks' weights for one user or item over the training.

    Returns:
        ``epochs`` and, for each task, the weights at these epochs, ``None`` where the node was not touched; empty where the
        method has no weights.
    """
    place = _known(model, kind, raw_id)
    if kind not in model.weights:
        return {}
    of = model.weights[kind][:, :, place].float()
    tasks = [str(name) for name in model.about.get("tasks", [])]
    return {
        "epochs": model.weights["epochs"].tolist(),
        "tasks": {
            name: [round(value, 4) if value == value else None for value in of[:, number].tolist()]  # noqa: PLR0124  # NaN
            for number, name in enumerate(tasks)
            if not of[:, number].isnan().all()  # a task that has no say about this kind of node
        },
    }


def _known(model: Recommender, kind: str, raw_id: str) -> int:
    number = model.user_number(raw_id) if kind == USER else model.item_number(raw_id)
    if number == UNKNOWN:
        raise InputError(f"{kind} {str(raw_id)[:100]!r}: is not known to this model. Fix: write the id as the data have it")
    return number


def _item(model: Recommender, number: int) -> Reasons:
    name = str(model.item_ids.index[number])
    return {"item_id": name, "title": model.titles.get(name, name)}


def _strongest(model: Recommender, pulls: list[tuple[int, float]], n: int) -> list[Reasons]:
    best = sorted(pulls, key=lambda one: -one[1])[:n]
    return [{**_item(model, number), "pull": pull} for number, pull in best]


def _friends(model: Recommender, user: int, item: int, n: int) -> list[Reasons]:
    """Linked users, those first who have the item or would like it best."""
    found: dict[int, str] = {}
    for links in model.links:
        if links.head_type == links.tail_type == USER:
            found |= dict.fromkeys(links.partners(USER, user)[1].tolist(), links.name)
    if not found:
        return []
    numbers = torch.tensor(list(found))
    position, items = model.seen.pairs(numbers)
    has = set(position[items == item].tolist())
    rows = model.scoring.users[numbers]
    if isinstance(model.scoring.users, Histories):
        pulls = model.scoring.of_rows(rows)[:, item]
    else:
        pulls = functional.normalize(rows, dim=1) @ functional.normalize(model.scoring.items[item], dim=0)
    friends: list[Reasons] = [
        {"user_id": str(model.user_ids.index[number]), "relation": found[number], "pull": float(pull), "has": place in has}
        for place, (number, pull) in enumerate(zip(numbers.tolist(), pulls.tolist(), strict=True))
    ]
    return sorted(friends, key=lambda one: (not one["has"], -float(one["pull"])))[:n]


def _attributes(model: Recommender, item: int, history: Tensor, pulls: Tensor, n: int) -> list[Reasons]:
    """What the item shares with the history, by how much the items that share it pull."""
    found = []
    pull_of = dict(zip(history.tolist(), pulls.tolist(), strict=True))
    for links in model.links:
        other, partners = links.partners(ITEM, item)
        if ITEM not in (links.head_type, links.tail_type) or other == USER:
            continue
        for number in partners.tolist():
            sharing = [number] if other == ITEM else links.among(ITEM, other, number).tolist()
            shared = {one: pull_of[one] for one in sharing if one in pull_of}
            if shared:
                name = _item(model, number)["title"] if other == ITEM else str(links.ids[other].index[number])
                found.append(
                    {
                        "relation": links.name,
                        "value": name,
                        "pull": sum(shared.values()),
                        "items": [_item(model, one)["item_id"] for one in sorted(shared, key=lambda one: -shared[one])[:n]],
                    }
                )
    return sorted(found, key=lambda one: -one["pull"])[:n]


def _links(model: Recommender, kind: str, number: int, n: int) -> Reasons:
    """Relation -> raw ids of the linked nodes, at most ``n``."""
    found: Reasons = {}
    for links in model.links:
        if kind in (links.head_type, links.tail_type):
            other, partners = links.partners(kind, number)
            ids = {USER: model.user_ids, ITEM: model.item_ids, **links.ids}[other]
            found[links.name] = {"n": len(partners), "first": [str(ids.index[place]) for place in partners[:n].tolist()]}
    return found
