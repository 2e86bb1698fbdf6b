"""The library in a few calls, for a notebook: prepare a data set, train a method on it, recommend.

The stages do the same in steps that DVC can keep, with tracking and an evaluation on the test part.
"""

import tempfile
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.data.preprocessing import preprocess
from pipeline.data.processed import Processed
from pipeline.data.relation import ITEM, USER
from pipeline.data.splitting import Splitting
from pipeline.data.task_data import TaskData
from pipeline.datasets.base import open_dataset
from pipeline.plugins import CUSTOM, method_kind
from pipeline.ranking.recommender import Recommender
from pipeline.task_building import build_tasks
from pipeline.training.components import PlugIn
from pipeline.training.epoch import Epoch
from pipeline.training.learning import LEARN
from pipeline.training.warm_start import initial

__all__ = ["Prepared", "prepare", "train"]

_ARGUMENT = {"combiners": "rule", "solvers": "solver", "baselines": "baseline"}


@dataclass(frozen=True, eq=False)
class Prepared:
    """What a method learns from.

    Attributes:
        processed: The data set in numbers.
        tasks: The main task first.
    """

    processed: Processed
    tasks: Sequence[TaskData]


def prepare(
    dataset: str | Mapping[str, Any],
    *,
    min_rating: float | None = None,
    k_core: int = 0,
    splitting: Splitting | None = None,
    keep_linked: bool = False,
    tasks: Collection[str] = (),
    leave_out: Collection[str] = (),
    min_count: Mapping[str, int] | None = None,
) -> Prepared:
    """Read a data set, filter and split it, and build its tasks.

    Args:
        dataset: A file of pipeline/datasets/, or the description of a data set of your own, as in the section ``custom``.
        min_rating: Interactions rated lower are dropped.
        k_core: Every user and item has at least so many interactions.
        splitting: How to hold out interactions; by default 80/10/10 per user, at random.
        keep_linked: Whether users and items that have links, but no interactions yet, are kept too.
        tasks: Side tasks to build that are not built by themselves: ``rating``, ``alignment_uniformity``, ``same_category``.
        leave_out: Side tasks not to build.
        min_count: Side task -> how many links (or nodes in common) make a pair of it.

    Raises:
        PmtrecError: If the data cannot be had or are not what they must be.
    """
    plug_in, described = (dataset, None) if isinstance(dataset, str) else (CUSTOM, dataset)
    opened = open_dataset(plug_in, described)
    with tempfile.TemporaryDirectory() as folder:
        opened.fetch(Path(folder))
        raw = opened.read(Path(folder))
    processed = preprocess(raw, min_rating=min_rating, k=k_core, splitting=splitting or Splitting(), keep_linked=keep_linked)
    train = processed.split.train_relation()
    built = build_tasks(train, processed.sides, leave_out, processed.features, named=tasks, min_count=min_count)
    return Prepared(processed, built)


def train(
    data: Prepared,
    *,
    method: PlugIn = ("pmtrec", {}),
    seed: int = 0,
    on_epoch: Callable[[Epoch], None] | None = None,
    warm_start: Recommender | None = None,
    **settings: Any,
) -> Recommender:
    """Train embeddings on the training part, and choose the best epoch on the validation part.

    Args:
        data: Of ``prepare``.
        method: Name and options of a combination rule, of a solver or of a baseline.
        seed: For the initial embeddings and the samples.
        on_epoch: Called as an epoch ends.
        warm_start: Yesterday's model, at whose embeddings the users and items that it knows begin; of the same length.
        **settings: Of ``pipeline.training.learning.learn``: ``encoder``, ``loss``, ``dim``, ``lr``, ``epochs``, ... A
            solver has ``rule`` (name and options); a baseline has none.

    Returns:
        What recommends by raw ids. It masks training and validation items.

    Raises:
        DivergedError: If the training diverges.
        TypeError: If there is no such setting.
    """
    split, show = data.processed.split, on_epoch or (lambda _: None)
    kind = method_kind(method[0])
    if kind == "combiners" and "rule" in settings:
        raise TypeError("train: a rule is a method: write method=(name, options) instead of rule=")
    if warm_start is not None:
        settings["initial"] = initial(warm_start, data.processed.ids, kind)
    learned = LEARN[kind](data.tasks, split, seed, show, **{_ARGUMENT[kind]: method}, **settings)
    return Recommender.of(split, data.processed.ids[USER], data.processed.ids[ITEM], learned.tables)
