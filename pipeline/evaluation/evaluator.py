"""Full-catalogue ranking: the lists of every user with held-out items, and the metrics of these lists."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd
import torch
from torch import Tensor

from pipeline.metrics.base import Metric, evaluate
from pipeline.ranking.item_lists import ItemLists
from pipeline.ranking.scoring import NO_ITEM, Scoring
from pipeline.ranking.top_k import top_k

__all__ = ["Ranking", "find_hits", "metric_values", "per_user", "rank"]

_SCORES_ON_CPU = 2**19
_SCORES_ON_GPU = 2**26
_FEWEST_USERS = 16


@dataclass(frozen=True, eq=False)
class Ranking:
    """The lists of all users with relevant items, on the CPU.

    Attributes:
        users: ``[n_users]``.
        items: ``[n_users, k]``, best first; ``NO_ITEM`` where a list ends early.
        scores: ``[n_users, k]``.
        hits: ``[n_users, k]``, true where the item is relevant.
        n_relevant: ``[n_users]``, >= 1.
    """

    users: Tensor
    items: Tensor
    scores: Tensor
    hits: Tensor
    n_relevant: Tensor


@torch.no_grad()
def rank(
    scoring: Scoring,
    seen: ItemLists,
    relevant: ItemLists,
    k: int,
    batch_size: int | None = None,
) -> Ranking:
    """Rank the whole catalogue for every user with relevant items.

    Args:
        scoring: What ranks.
        seen: Items masked out of the ranking.
        relevant: The held-out items.
        k: Length of the lists.
        batch_size: Users ranked at a time; the result does not depend on it. By default as many as keep the scores in the
            cache of a CPU core, which is several times faster than main memory, or as fill a GPU.

    Raises:
        ValueError: If no user has a relevant item.
    """
    device = scoring.items.device
    seen, relevant = seen.to(device), relevant.to(device)
    n_relevant = relevant.lengths()
    users = n_relevant.nonzero().squeeze(1)
    if users.numel() == 0:
        raise ValueError("no user has a held-out item, so there is nothing to evaluate")
    at_a_time = _SCORES_ON_CPU if device.type == "cpu" else _SCORES_ON_GPU
    lists = [
        top_k(scoring, seen, chunk, k)
        for chunk in torch.split(users, batch_size or max(_FEWEST_USERS, at_a_time // seen.n_items))
    ]
    items, scores = (torch.cat(parts) for parts in zip(*lists, strict=True))
    hits = find_hits(items, users, relevant)
    # On the CPU, because metrics are float64, which not every device has.
    return Ranking(users.cpu(), items.cpu(), scores.cpu(), hits.cpu(), n_relevant[users].cpu())


def find_hits(items: Tensor, users: Tensor, relevant: ItemLists) -> Tensor:
    """Which recommended ``items`` ``[n, k]`` of ``users`` ``[n]`` are relevant, bool ``[n, k]``."""
    position, wanted = relevant.pairs(users)
    known = position * relevant.n_items + wanted  # ascending, because pairs() is ordered
    if known.numel() == 0:
        return torch.zeros_like(items, dtype=torch.bool)
    keys = torch.arange(users.numel(), device=users.device).unsqueeze(1) * relevant.n_items + items
    at = torch.searchsorted(known, keys).clamp(max=known.numel() - 1)
    return (known[at] == keys) & (items != NO_ITEM)


def per_user(ranking: Ranking, metrics: Mapping[str, Metric], cutoffs: Sequence[int]) -> pd.DataFrame:
    """The values per user of metrics that need nothing but the ranking: the column ``user``, and ``<metric>@<k>`` each."""
    return metric_values(ranking, metrics, cutoffs, {})[0]


def metric_values(
    ranking: Ranking,
    metrics: Mapping[str, Metric],
    cutoffs: Sequence[int],
    others: Mapping[str, Callable[[], Any]],
) -> tuple[pd.DataFrame, dict[str, float]]:
    """Metrics of a ranking at some cutoffs.

    Args:
        ranking: The lists, at least as long as the largest cutoff.
        metrics: Name -> metric.
        cutoffs: The k of "@k".
        others: Name of an input that is not in the ranking (see ``pipeline.metrics.base``) -> what makes it, if it is needed.

    Returns:
        A table with the column ``user`` and a column ``<metric>@<k>`` of every metric per user; and ``<metric>@<k>`` -> value
        of the metrics of the whole ranking.
    """
    made = _Inputs(others)
    columns: dict[str, Any] = {"user": ranking.users.numpy()}
    wholes: dict[str, float] = {}
    for k in cutoffs:
        made |= {"users": ranking.users, "n_relevant": ranking.n_relevant}
        made |= {name: getattr(ranking, name)[:, :k] for name in ("hits", "items", "scores")}
        for name, metric in metrics.items():
            values = evaluate(metric, made)
            if values.dim():
                columns[f"{name}@{k}"] = values.numpy()
            else:
                wholes[f"{name}@{k}"] = float(values)
    return pd.DataFrame(columns), wholes


class _Inputs(dict[str, Any]):
    """Makes what is missing when it is first asked for."""

    def __init__(self, makers: Mapping[str, Callable[[], Any]]) -> None:
        super().__init__()
        self._makers = makers

    def __missing__(self, name: str) -> Any:
        self[name] = self._makers[name]()
        return self[name]
