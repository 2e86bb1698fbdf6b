"""The search for the settings of one method on one data set, stage by stage."""

import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import optuna

from pipeline.artifacts import locked
from pipeline.config.run_config import RunConfig
from pipeline.config.search import before_search, search_name, stages_of, start_values, training_with
from pipeline.data.storage import load_split, load_tasks
from pipeline.errors import DivergedError
from pipeline.integrity import check_folder, dvc_hash
from pipeline.terminal.progress import bar
from pipeline.terminal.screen import is_terminal
from pipeline.training.checkpoint import checkpoints_in, checkpoints_root
from pipeline.training.epoch import Epoch
from pipeline.training.learning import LEARN
from pipeline.training.tuning import Search, Trial, at_an_edge

__all__ = ["Found", "Place", "search"]

log = logging.getLogger(__name__)

Place = tuple[str, str]
"""Data set and method."""


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


def search(data_folder: Path, storage: str, config: RunConfig, place: Place, *, shown: bool) -> list[Found]:
    """All stages of a search; may run in a process of its own.

    What earlier stages have found holds in the later ones; keys of later stages have the values of their sections until then.

    Args:
        data_folder: With ``processed`` and ``tasks``.
        storage: URL of the database of the trials.
        config: What params.yaml says.
        place: Data set and method.
        shown: Whether its trials get a bar of their own.
    """
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    dataset, method = place
    processed, tasks = (check_folder(data_folder / name / dataset) for name in ("processed", "tasks"))
    split, data, seed = load_split(processed), load_tasks(tasks), config.tune.seed
    content = dvc_hash(processed) + dvc_hash(tasks)
    plain = before_search(config, dataset, method)
    best: dict[str, Any] = {}

    def train(of_search: str, values: Mapping[str, Any], on_epoch: Callable[[Epoch], None]) -> None:
        found = training_with(plain, dataset, method, {**best, **values})
        arguments = dict(found["arguments"])
        checkpoints = checkpoints_in(checkpoints_root(), f"tune/{of_search}", best, values, resume=config.train.resume)
        if found["kind"] != "baselines":
            arguments["checkpoints"] = checkpoints
        try:
            LEARN[found["kind"]](data, split, seed, on_epoch, **arguments)
        except (DivergedError, optuna.TrialPruned):  # it is over; one that was interrupted goes on
            checkpoints.remove()
            raise
        checkpoints.remove()

    stages = []
    # A grid begins where it began at first, so that its order does not change by what it finds.
    start = start_values(plain if config.tune.sampler == "grid" else config, dataset, method)
    for space, n_trials in stages_of(config, method):
        name = search_name(plain, dataset, method, content, space, best)
        first = {key: start[key] for key in space if key in start}
        searching = Search(name, space, first, n_trials, seed, storage, config.tune.sampler, config.tune.prune)
        with _trials(f"{dataset}/{method}", n_trials, shown=shown) as on_trial:
            trials = searching.run(partial(train, name), on_trial, partial(locked, data_folder, wait=True))
        if len(trials) < n_trials:
            what = "%s/%s: the grid has %d points, all tried (%d trials were asked for)"
            log.info(what, dataset, method, len(trials), n_trials)
        found = max(trials, key=lambda trial: trial.valid_ndcg)
        stages.append(Found(name, trials, found, at_an_edge(space, found.values)))
        best |= found.values
    return stages


@contextmanager
def _trials(name: str, n_trials: int, *, shown: bool) -> Iterator[Callable[[Trial], None]]:
    """What to call as a trial ends: a bar, and in a log a line."""
    best = 0.0
    with bar(name, n_trials, "trials") if shown else nullcontext(lambda _: None) as step:

        def on_trial(trial: Trial) -> None:
            nonlocal best
            best = max(best, trial.valid_ndcg)
            values = ", ".join(f"{key.rpartition('.')[2]} {value}" for key, value in trial.values.items())
            text = f"best {best:.4f}; last {trial.valid_ndcg:.4f} ({trial.state.lower()}: {values})"
            step(text)
            if not is_terminal():
                log.info("%s: trial %d of %d, %s", name, trial.number + 1, n_trials, text)

        yield on_trial
