"""What a metric is: a function whose parameters say what it needs of a ranking.

It is called with the parameters that it names, at each cutoff k::

    hits          bool [n_users, k]: whether the recommended item is relevant
    items         int64 [n_users, k]: the recommended items, best first; NOTHING where a list ends early
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

from pipeline.ranking.top_k import NOTHING

__all__ = ["INPUTS", "NOTHING", "Metric", "evaluate", "needs"]

Metric = Callable[..., Tensor]

INPUTS = ("attributes", "history", "hits", "items", "n_items", "n_relevant", "popularity", "scores", "users")


@cache
def needs(metric: Metric) -> tuple[str, ...]:
    """The names of what a metric is called with.

    Raises:
        TypeError: If there is no such thing.
    """
    names = tuple(inspect.signature(metric).parameters)
    if unknown := sorted(set(names) - set(INPUTS)):
        raise TypeError(f"{metric.__name__}: needs {unknown[0]!r}, which no ranking has (it has {', '.join(INPUTS)})")
    return names


def evaluate(metric: Metric, inputs: Mapping[str, Any]) -> Tensor:
    """The values of a metric, from the inputs that it names."""
    return metric(**{name: inputs[name] for name in needs(metric)})
