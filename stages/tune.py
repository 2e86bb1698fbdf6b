"""Search the settings of every method on every data set of params.yaml, and write the best to its section `overrides`.

No stage of the DAG: `dvc repro` then trains what has changed. Trials are kept in a database; a search that was stopped goes on.
"""

import argparse
import logging
from collections.abc import Sequence
from functools import partial

import optuna

from pipeline.data.storage import load_relations, load_split
from pipeline.files import check_folder, dvc_hash, locked
from pipeline.learning import learn
from pipeline.params import read_params
from pipeline.params_file import write_override
from pipeline.run_families import log_search
from pipeline.tuning import Search, at_an_edge, nested
from stages._stage import parser, run

log = logging.getLogger(__name__)


def main(argv: Sequence[str] | None = None) -> None:
    """Tune what `dvc repro build_tasks` has prepared; the test part is not used."""
    args = parser(__doc__, "params", "processed", "tasks", names=["storage"]).parse_args(argv)
    with locked(args.params):  # a second search would take the trials of the first for those of one that was killed
        _search_all(args)


def _search_all(args: argparse.Namespace) -> None:
    params = read_params(args.params)
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    # What is `like` another starts from what was found for the other: that comes first.
    methods = sorted(params.methods, key=lambda method: len(params.lineage(method)))
    for dataset in sorted(params.datasets, key=lambda name: params.source(name) != name):
        split = load_split(check_folder(args.processed / dataset))
        relations = load_relations(check_folder(args.tasks / dataset))
        data = dvc_hash(args.processed / dataset) + dvc_hash(args.tasks / dataset)
        for method in methods:
            params = read_params(args.params)
            search = Search(args.params, params, dataset, method, data, args.storage)
            if not (space := search.space()):
                continue  # nothing to choose
            trials = search.run(partial(learn, relations=relations, split=split, seed=params.tune.seed))
            best = max(trials, key=lambda trial: trial.valid_ndcg)
            edges = at_an_edge(space, best.values)
            found = {"valid_ndcg": best.valid_ndcg, **best.values, "at_an_edge": ", ".join(edges) or "none"}
            log_search(dataset, method, search.name(), [(t.values, t.history, t.state) for t in trials], found)
            log.info("%s/%s: %s", dataset, method, ", ".join(f"{key} {value}" for key, value in found.items()))
            write_override(args.params, dataset, method, nested(best.values))


if __name__ == "__main__":
    run(main)
