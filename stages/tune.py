"""Tune every method on every data set of params.yaml, and write the best settings to its section `overrides`.

Not a DAG stage: `dvc repro` then retrains what has changed. Trials are stored in a database; an interrupted search resumes.
"""

import argparse
import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import optuna

from pipeline.artifacts import check_folder, dvc_hash, locked
from pipeline.config.override_file import write_override
from pipeline.config.run_config import RunConfig, read_config
from pipeline.config.search import nested, search_name, space_of, start_values, training_with
from pipeline.data.storage import load_split, load_tasks
from pipeline.tracking.nested_runs import log_search
from pipeline.training.learning import learn, learn_baseline
from pipeline.training.loop import Epoch
from pipeline.training.tuning import Search, at_an_edge
from stages._stage import parser, run

log = logging.getLogger(__name__)


def main(argv: Sequence[str] | None = None) -> None:
    """Tune on the outputs of `dvc repro build_tasks`; the test set is not used."""
    args = parser(__doc__, "params", "processed", "tasks", names=["storage"]).parse_args(argv)
    with locked(args.params):  # a second search would mistake the running trials of the first for those of a killed one
        config = read_config(args.params)
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        # A method that is `like` another inherits what was found for the other, which therefore comes first.
        methods = sorted(config.methods, key=lambda method: len(config.lineage(method)))
        for dataset in sorted(config.datasets, key=lambda name: config.source(name) != name):
            for method in methods:
                _search(args, read_config(args.params), dataset, method)


def _search(args: argparse.Namespace, config: RunConfig, dataset: str, method: str) -> None:
    if not (space := space_of(config, method)):
        return  # nothing to choose
    processed, tasks = check_folder(args.processed / dataset), check_folder(args.tasks / dataset)
    split, data, seed = load_split(processed), load_tasks(tasks), config.tune.seed

    def train(values: Mapping[str, Any], on_epoch: Callable[[Epoch], None]) -> None:
        found = training_with(config, dataset, method, values)
        if found["kind"] == "baselines":
            learn_baseline(split, seed, on_epoch, **found["arguments"])
        else:
            learn(data, split, seed, on_epoch, **found["arguments"])

    name = search_name(config, dataset, method, dvc_hash(processed) + dvc_hash(tasks))
    start = start_values(config, dataset, method)
    trials = Search(name, space, start, config.tune.trials, seed, args.storage).run(train)
    best = max(trials, key=lambda trial: trial.valid_ndcg)
    edges = ", ".join(at_an_edge(space, best.values)) or "none"
    found = {"valid_ndcg": best.valid_ndcg, **best.values, "at_an_edge": edges}
    log_search(dataset, method, name, [(t.values, t.history, t.state) for t in trials], found)
    log.info("%s/%s: %s", dataset, method, ", ".join(f"{key} {value}" for key, value in found.items()))
    write_override(args.params, dataset, method, nested(best.values))


if __name__ == "__main__":
    run(main)
