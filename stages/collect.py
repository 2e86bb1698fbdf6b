"""Which models, results and costs are compared, by their hashes, and which method of each data set is to be served.

So what comes after depends on what params.yaml lists, and not on whatever else is in the same folders.
"""

from collections.abc import Sequence
from itertools import product
from pathlib import Path

from pipeline.artifacts import new_folder
from pipeline.integrity import check_folder, dvc_hash, read_json, write_json
from pipeline.metric_names import VALIDATION_METRIC
from pipeline.training.champion import champion
from stages._checked import read_checked
from stages._stage import parser, run


def main(argv: Sequence[str] | None = None) -> None:
    """Write ``listed.json``, and ``champions/<data set>.json``: method, seed, epoch and what the method learns by."""
    args = parser(__doc__, "checked", "processed", "tasks", "models", "results", "costs", "out").parse_args(argv)
    chosen = read_checked(args.checked / "collect.json")["arguments"]
    listed: dict[str, dict[str, str]] = {}
    with new_folder(args.out) as out:
        (out / "champions").mkdir()
        for dataset in chosen["datasets"]:
            listed[dataset] = {name: dvc_hash(getattr(args, name) / dataset) for name in ("processed", "tasks")}
            best = {}
            for method, seed in product(chosen["methods"], chosen["seeds"]):
                place = Path(dataset, method, str(seed))
                listed[place.as_posix()] = {
                    name: dvc_hash(check_folder(getattr(args, name) / place)) for name in ("models", "results", "costs")
                }
                best[method, seed] = read_json(args.models / place / "model.json")["best"]
            method, seed = champion({key: row[VALIDATION_METRIC] for key, row in best.items()})
            learned = read_checked(args.checked / dataset / "methods" / f"{method}.json")
            settings = {key: learned[key] for key in ("kind", "arguments", "params", "code")}
            row = best[method, seed]
            served = {"method": method, "seed": seed, "epoch": int(row["epoch"]), "valid": row[VALIDATION_METRIC]}
            write_json(out / "champions" / f"{dataset}.json", {**served, **settings})
        write_json(out / "listed.json", listed)


if __name__ == "__main__":
    run(main)
