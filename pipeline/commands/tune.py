"""`pmtrec tune`: search the settings of every method on every data set of params.yaml, and keep the best.

Not a DAG stage: `dvc repro` then retrains what has changed. Trials are stored in a database; an interrupted search resumes.
"""

import logging
from contextlib import nullcontext
from functools import partial
from itertools import groupby
from pathlib import Path

from pipeline.artifacts import locked
from pipeline.commands._search import Found, Place, search
from pipeline.commands._trials import open_trials, trials_in
from pipeline.config.layers import write_tuned
from pipeline.config.run_config import RunConfig, read_config
from pipeline.config.search import nested, refuse_vain, space_of
from pipeline.errors import ParamsError, closest
from pipeline.secrets import without_secret
from pipeline.terminal.progress import bar
from pipeline.terminal.screen import say
from pipeline.terminal.side_by_side import side_by_side
from pipeline.tracking.nested_runs import log_search

__all__ = ["tune"]

log = logging.getLogger(__name__)

PARAMS, DATA = Path("params.yaml"), Path("data")


def tune(methods: list[str], jobs: int, storage: str) -> None:
    """Tune on the outputs of `dvc repro build_tasks`; the test set is not used.

    Args:
        methods: Search for these alone; all of params.yaml if empty.
        jobs: Searches at once.
        storage: URL of the database of the trials.

    Raises:
        ParamsError: If there is nothing to search, or params.yaml names what is searched.
        InputError: If there is no such database.
        IntegrityError: If it is damaged.
        MachineError: If it cannot be read or written.
    """
    config = read_config(PARAMS)
    if unknown := [name for name in methods if name not in config.method_sections]:
        raise ParamsError(f"tune: there is no method {unknown[0]!r}.{closest(unknown[0], list(config.method_sections))}")
    with locked(PARAMS, wait=True):  # two processes would each make its tables
        open_trials(storage)
    # A data set or method that is `like` another inherits what was found for the other, which therefore comes first.
    waits = {
        (dataset, method): (config.source(dataset) != dataset, len(config.lineage(method)))
        for dataset in config.datasets
        for method in methods or config.methods
        if space_of(config, method)
    }
    if not waits:
        raise ParamsError(f"{PARAMS}: tune: there is no key to search for these methods. Fix: add some to tune.methods")
    for dataset, method in waits:
        refuse_vain(config, dataset, method)
    n_trials = len(waits) * config.tune.trials
    say(f"{len(waits)} searches of {config.tune.trials} trials each, judged by NDCG@20 on validation")
    # Of one search after the other the trials have a bar; two at once would write over each other.
    with bar("tune", len(waits), "searches") if jobs > 1 else nullcontext(lambda _: None) as step:
        for _, wave in groupby(sorted(waits, key=waits.__getitem__), key=waits.__getitem__):
            work = partial(_search, storage, read_config(PARAMS), jobs == 1)
            for (dataset, method), stages in side_by_side(work, list(wave), jobs):
                step(_keep(config, dataset, method, stages))
    say(f"{n_trials} trials are in {without_secret(storage)} and in MLflow. Next: dvc repro, which trains what has changed")


def _search(storage: str, config: RunConfig, shown: bool, place: Place) -> list[Found]:
    with trials_in(storage):
        return search(DATA, storage, config, place, shown=shown)


def _keep(config: RunConfig, dataset: str, method: str, stages: list[Found]) -> str:
    """Write the best settings, and log the trials; what was found, in a line."""
    for place, found in enumerate(stages):
        name = method if len(stages) == 1 else f"{method}/stage {place}"
        best = {"valid_ndcg": found.best.valid_ndcg, **found.best.values, "at_an_edge": ", ".join(found.edges) or "none"}
        log_search(dataset, name, found.name, [(t.values, t.history, t.state) for t in found.trials], best)
    values = {key: value for found in stages for key, value in found.best.values.items()}
    best_of = max(found.best.valid_ndcg for found in stages)
    path = config.settings_file(dataset, method)
    n_trials = sum(len(found.trials) for found in stages)
    comment = f"Found by `pmtrec tune`: NDCG@20 {best_of:.4f} on validation, the best of {n_trials} trials."
    with locked(PARAMS, wait=True):
        write_tuned(path, nested(values), comment)
    first = stages[0].trials[0]
    gain = f", the first trial, at the settings before, had {first.valid_ndcg:.4f}" if first.valid_ndcg else ""
    text = f"{dataset}/{method}: NDCG@20 {best_of:.4f} on validation{gain}: {path}"
    if edges := [key for found in stages for key in found.edges]:
        text += f"; at an end of its range: {', '.join(edges)}: widen tune.methods.{method}, or take it as it is"
    say(text)
    if not config.settings:
        log.warning("%s: settings is empty, so that what was found is not used. Fix: write settings: tuned", PARAMS)
    return f"{dataset}/{method} {best_of:.4f}"
