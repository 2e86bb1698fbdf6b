"""Search the settings of every method on every data set of params.yaml, and write the best to its section `overrides`.

No stage of the DAG: `dvc repro` then trains what has changed. Trials are kept in a database; a search that was stopped goes on.
"""

import logging
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import optuna
from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap

from pipeline.data.storage import load_relations, load_split
from pipeline.files import check_folder, dvc_hash
from pipeline.learning import learn
from pipeline.params import merged, read_params
from pipeline.run_families import log_search
from pipeline.tuning import Search, at_an_edge, nested
from stages._stage import parser, run

log = logging.getLogger(__name__)

_NULL = "tag:yaml.org,2002:null"
_LONG = 2**16  # characters of a line of YAML: no line is broken


def main(argv: Sequence[str] | None = None) -> None:
    """Tune what `dvc repro build_tasks` has prepared; the test part is not used."""
    args = parser(__doc__, "params", "processed", "tasks", names=["storage"]).parse_args(argv)
    params = read_params(args.params)
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    for dataset in params.datasets:
        split = load_split(check_folder(args.processed / dataset))
        relations = load_relations(check_folder(args.tasks / dataset))
        data = dvc_hash(args.processed / dataset) + dvc_hash(args.tasks / dataset)
        for method in params.methods:
            search = Search(args.params, params, dataset, method, data, args.storage)
            if not (space := search.space()):
                continue  # nothing to choose
            trials = search.run(partial(learn, relations=relations, split=split, seed=params.tune.seed))
            best = max(trials, key=lambda trial: trial.valid_ndcg)
            edges = at_an_edge(space, best.values)
            found = {"valid_ndcg": best.valid_ndcg, **best.values, "at_an_edge": ", ".join(edges) or "none"}
            log_search(dataset, method, search.name(), [(t.values, t.history, t.state) for t in trials], found)
            log.info("%s/%s: %s", dataset, method, ", ".join(f"{key} {value}" for key, value in found.items()))
            _write(args.params, dataset, method, best.values)


def _write(path: Path, dataset: str, method: str, values: dict[str, Any]) -> None:
    """Into params.yaml, whose comments stay."""
    yaml = YAML()
    yaml.width = _LONG
    yaml.indent(sequence=4, offset=2)
    yaml.representer.add_representer(type(None), lambda representer, _: representer.represent_scalar(_NULL, "null"))
    content = yaml.load(path)
    methods = content["overrides"].setdefault(dataset, CommentedMap()).setdefault("methods", CommentedMap())
    changed = CommentedMap(merged(methods.get(method) or {}, nested(values)))
    changed.fa.set_flow_style()
    methods[method] = changed
    beside = path.with_suffix(".new")
    yaml.dump(content, beside)
    beside.replace(path)


if __name__ == "__main__":
    run(main)
