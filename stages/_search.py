"""The search for the settings of one method on one data set, stage by stage."""

import argparse
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import optuna

from pipeline.artifacts import check_folder, dvc_hash
from pipeline.config.run_config import RunConfig
from pipeline.config.search import before_search, search_name, stages_of, start_values, training_with
from pipeline.data.storage import load_split, load_tasks
from pipeline.training.epoch import Epoch
from pipeline.training.learning import LEARN
from pipeline.training.tuning import Search, Trial, at_an_edge

__all__ = ["Found", "search"]

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Found:
    """What one stage of a search has found.

    Attributes:
        name: Of the search.
        trials: All.
        best: The best of them.
        edges: Keys whose best value is at an end of what was searched.
    """

    name: str
    trials: list[Trial]
    best: Trial
    edges: list[str]


def search(args: argparse.Namespace, config: RunConfig, dataset: str, method: str) -> list[Found]:
    """All stages; may run in a process of its own.

    What earlier stages have found holds in the later ones; keys of later stages have the values of their sections until then.
    """
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    processed, tasks = check_folder(args.processed / dataset), check_folder(args.tasks / dataset)
    split, data, seed = load_split(processed), load_tasks(tasks), config.tune.seed
    content = dvc_hash(processed) + dvc_hash(tasks)
    plain = before_search(config, dataset, method)
    best: dict[str, Any] = {}

    def train(values: Mapping[str, Any], on_epoch: Callable[[Epoch], None]) -> None:
        found = training_with(plain, dataset, method, {**best, **values})
        LEARN[found["kind"]](data, split, seed, on_epoch, **found["arguments"])

    stages = []
    # A grid begins where it began at first, so that its order does not change by what it finds.
    start = start_values(plain if config.tune.sampler == "grid" else config, dataset, method)
    for space, n_trials in stages_of(config, method):
        name = search_name(plain, dataset, method, content, space, best)
        first = {key: start[key] for key in space if key in start}
        trials = Search(name, space, first, n_trials, seed, args.storage, config.tune.sampler, config.tune.prune).run(train)
        if len(trials) < n_trials:
            log.info(
                "%s/%s: the grid has %d points, all tried (%d trials were asked for)", dataset, method, len(trials), n_trials
            )
        found = max(trials, key=lambda trial: trial.valid_ndcg)
        stages.append(Found(name, trials, found, at_an_edge(space, found.values)))
        best |= found.values
    return stages
