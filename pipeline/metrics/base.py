"""What a metric is: a function whose parameters say what it needs of a ranking.

It is called with the parameters that it names, at each cutoff k::

    hits          bool [n_users, k]: whether the recommended item is relevant
    items         int64 [n_users, k]: the recommended items, best first; NO_ITEM where a list ends early
    scores        [n_users, k]: their scores; -inf where a list ends early
    n_relevant    int64 [n_users]: held-out items of each user, >= 1
    users         int64 [n_users]: user numbers
    n_items       int: size of the catalogue
    popularity    int64 [n_items]: training interactions of each item
    history       ItemLists: training items of every user of the data set
    attributes    {name: ItemLists}: for each side table of items, the attributes of every item (categories, tags, ...)

It gives one value per user, ``[n_users]``, float64, or one for the whole ranking, ``[]``. Such metrics have no paired test
over users, only one over seeds. A user without a held-out item is in no metric.
"""

import inspect
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

from torch import Tensor

from pipeline.errors import ParamsError
from pipeline.ranking.scoring import NO_ITEM

__all__ = ["INPUTS", "NO_ITEM", "Metric", "evaluate", "is_lower_better", "lower_is_better", "needs"]

Metric = Callable[..., Tensor]

INPUTS = ("attributes", "history", "hits", "items", "n_items", "n_relevant", "popularity", "scores", "users")


def lower_is_better(metric: Metric) -> Metric:
    """Marks a metric of which less is better: decides who leads, and who is better off."""
    metric.lower_is_better = True  # type: ignore[attr-defined]
    return metric


def is_lower_better(metric: Metric) -> bool:
    """Whether a metric is so marked."""
    return bool(getattr(metric, "lower_is_better", False))


@cache
def needs(metric: Metric) -> tuple[str, ...]:
    """The names of what a metric is called with.

    Raises:
        ParamsError: If there is no such thing.
    """
    names = tuple(inspect.signature(metric).parameters)
    if unknown := sorted(set(names) - set(INPUTS)):
        what = f"metrics.{metric.__name__}: needs {unknown[0]!r}, which no ranking has"
        raise ParamsError(f"{what}. Fix: name its parameters after what there is ({', '.join(INPUTS)})")
    return names


def evaluate(metric: Metric, inputs: Mapping[str, Any]) -> Tensor:
    """The values of a metric, from the inputs that it names."""
    return metric(**{name: inputs[name] for name in needs(metric)})
