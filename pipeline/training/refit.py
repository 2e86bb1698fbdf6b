"""The settings of a method on all interactions: what is served, once the comparison is over."""

from collections.abc import Callable, Mapping
from typing import Any

import pandas as pd

from pipeline.data.processed import Processed
from pipeline.data.split import Split
from pipeline.task_building import build_tasks, with_placebos
from pipeline.training.epoch import Epoch
from pipeline.training.learning import LEARN, Learned

__all__ = ["refit", "without_held_out"]


def without_held_out(split: Split) -> Split:
    """All interactions as training interactions; valid and test are empty."""
    every = pd.concat([split.train, split.valid, split.test], ignore_index=True)
    return Split(every, every.iloc[:0], every.iloc[:0], split.n_users, split.n_items)


def refit(
    processed: Processed,
    kind: str,
    arguments: Mapping[str, Any],
    seed: int,
    epochs: int,
    tasks: Mapping[str, Any],
    on_epoch: Callable[[Epoch], None] = lambda _: None,
) -> tuple[Split, Learned]:
    """Train a method on everything, for as many epochs as were best on validation.

    No metric of the comparison belongs to the result: there is nothing left to measure it by.

    Args:
        processed: The data set.
        kind: Of the method (see ``LEARN``).
        arguments: What the method learned by.
        seed: Of initial embeddings and samples.
        epochs: The best epoch of the training that is repeated; the schedules are as they were then.
        tasks: How the tasks were built: ``leave_out``, ``named``, ``min_count``, ``placebo``, ``placebo_seed``.
        on_epoch: Called as an epoch ends.

    Returns:
        The interactions in one part, and what was learned.
    """
    split = without_held_out(processed.split)
    built = build_tasks(
        split.train_relation(),
        processed.sides,
        tasks["leave_out"],
        processed.features,
        named=tasks["named"],
        min_count=tasks["min_count"],
    )
    built = with_placebos(built, tasks["placebo"], tasks["placebo_seed"])
    last = {} if kind == "baselines" else {"stop_after": epochs}
    return split, LEARN[kind](built, split, seed, on_epoch, **arguments, **last)
