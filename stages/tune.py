"""Tune every method on every data set of params.yaml, and write the best settings to its section `overrides`.

Not a DAG stage: `dvc repro` then retrains what has changed. Trials are stored in a database; an interrupted search resumes.
"""

import argparse
import logging
from collections.abc import Sequence
from functools import partial
from itertools import groupby

import optuna

from pipeline.artifacts import locked
from pipeline.config.override_file import write_override
from pipeline.config.run_config import RunConfig, read_config
from pipeline.config.search import nested, space_of
from pipeline.errors import InputError, ParamsError, closest
from pipeline.tracking.nested_runs import log_search
from stages._search import Found, search
from stages._side_by_side import side_by_side
from stages._stage import parser, run

log = logging.getLogger(__name__)


def main(argv: Sequence[str] | None = None) -> None:
    """Tune on the outputs of `dvc repro build_tasks`; the test set is not used."""
    arguments = parser(__doc__, "params", "processed", "tasks", names=["storage"])
    arguments.add_argument("--jobs", type=int, choices=range(1, 65), default=1, metavar="N", help="searches at once")
    arguments.add_argument("--methods", nargs="+", help="search for these alone")
    args = arguments.parse_args(argv)
    with locked(args.params):  # a second search would mistake the running trials of the first for those of a killed one
        config = read_config(args.params)
        if unknown := [name for name in args.methods or () if name not in config.method_sections]:
            raise ParamsError(f"--methods: there is no {unknown[0]!r}.{closest(unknown[0], list(config.method_sections))}")
        try:
            optuna.storages.get_storage(args.storage)  # before two processes would each make its tables
        except Exception as error:  # each kind of database has errors of its own
            problem = str(error).splitlines()[0]
            raise InputError(f"--storage: cannot be opened: {problem}. Fix: write sqlite:///tuning.db") from error
        # A data set or method that is `like` another inherits what was found for the other, which therefore comes first.
        waits = {
            (dataset, method): (config.source(dataset) != dataset, len(config.lineage(method)))
            for dataset in config.datasets
            for method in args.methods or config.methods
            if space_of(config, method)
        }
        if not waits:
            raise ParamsError(
                f"{args.params}: tune: there is no key to search for these methods. Fix: add some to tune.methods"
            )
        for _, wave in groupby(sorted(waits, key=waits.__getitem__), key=waits.__getitem__):
            work = partial(_search, args, read_config(args.params))
            for (dataset, method), stages in side_by_side(work, list(wave), args.jobs):
                for place, found in enumerate(stages):
                    _log_found(dataset, method if len(stages) == 1 else f"{method}/stage {place}", found)
                best = {key: value for found in stages for key, value in found.best.values.items()}
                write_override(args.params, dataset, method, nested(best))


def _search(args: argparse.Namespace, config: RunConfig, place: tuple[str, str]) -> list[Found]:
    return search(args, config, *place)


def _log_found(dataset: str, method: str, found: Found) -> None:
    """To MLflow."""
    best = {"valid_ndcg": found.best.valid_ndcg, **found.best.values, "at_an_edge": ", ".join(found.edges) or "none"}
    log_search(dataset, method, found.name, [(t.values, t.history, t.state) for t in found.trials], best)
    log.info("%s/%s: %s", dataset, method, ", ".join(f"{key} {value}" for key, value in best.items()))


if __name__ == "__main__":
    run(main)
