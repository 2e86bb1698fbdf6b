"""Tune every method on every data set of params.yaml, and write the best settings to its section `overrides`.

Not a DAG stage: `dvc repro` then retrains what has changed. Trials are stored in a database; an interrupted search resumes.
"""

import argparse
import multiprocessing
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from itertools import groupby

import optuna

from pipeline.artifacts import locked
from pipeline.config.override_file import write_override
from pipeline.config.run_config import RunConfig, read_config
from pipeline.config.search import nested, space_of
from pipeline.errors import MachineError, ParamsError, closest
from stages._parent import end_with_parent
from stages._search import Found, log_found, search
from stages._stage import parser, run


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
        optuna.storages.get_storage(args.storage)  # before two processes would each make its tables
        # A data set or method that is `like` another inherits what was found for the other, which therefore comes first.
        waits = {
            (dataset, method): (config.source(dataset) != dataset, len(config.lineage(method)))
            for dataset in config.datasets
            for method in args.methods or config.methods
            if space_of(config, method)
        }
        for _, wave in groupby(sorted(waits, key=waits.__getitem__), key=waits.__getitem__):
            for dataset, method, stages in _searched(args, read_config(args.params), list(wave)):
                for place, found in enumerate(stages):
                    log_found(dataset, method if len(stages) == 1 else f"{method}/stage {place}", found)
                best = {key: value for found in stages for key, value in found.best.values.items()}
                write_override(args.params, dataset, method, nested(best))


def _searched(
    args: argparse.Namespace, config: RunConfig, wave: list[tuple[str, str]]
) -> Iterator[tuple[str, str, list[Found]]]:
    """Data set, method and what was found, as the searches end."""
    if args.jobs == 1:
        yield from ((*place, search(args, config, *place)) for place in wave)
        return
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(args.jobs, mp_context=spawn, initializer=end_with_parent) as pool:
        running = {pool.submit(search, args, config, *place): place for place in wave}
        try:
            for done in as_completed(running):
                yield (*running[done], done.result())
        except BrokenProcessPool as error:
            raise MachineError(
                "tune: a search was killed, perhaps for want of memory. Fix: run again with fewer --jobs"
            ) from error
        except BaseException:  # also of a signal: the pool would wait until the trainings that run are over
            pool.shutdown(wait=False, cancel_futures=True)
            for worker in multiprocessing.active_children():
                worker.terminate()
            raise


if __name__ == "__main__":
    run(main)
