"""Whether a change of shape has changed a number: trains a commit and the working tree on one machine and compares bytes.

Bytes of models differ between processors, so there is nothing to commit: both trees run here, in turn. The commands are those
of each tree's own dvc.yaml, so that a stage may get other arguments or another name in between.

    python -m tests.benchmarks.same_numbers --base HEAD~1            # demo and, where PMTREC_MIRROR is set, Yelp: some minutes
    python -m tests.benchmarks.same_numbers --base HEAD~1 --quick    # demo, one seed
"""

import argparse
import hashlib
import importlib
import itertools
import json
import logging
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

ROOT = Path(__file__).parents[2]
STAGES = ("check", "download", "preprocess", "build_tasks", "train", "evaluate", "compare")
COMPARED = ("embeddings.safetensors", "state.safetensors", "history.csv", "per_user.parquet")

# Trained beside every method of params.yaml, under these names: what is other than pmtrec_inverse at the defaults.
VARIANTS: dict[str, dict[str, Any]] = {
    "lightgcn": {"train": {"encoder": "lightgcn"}},
    "lightgcn_dropout": {"train": {"encoder": "lightgcn"}, "encoders": {"lightgcn": {"dropout": 0.2, "side_graph": True}}},
    "mf_side_layers": {"encoders": {"mf": {"side_layers": 1, "item_bias": True}}},
    "bpr": {"train": {"loss": "bpr"}},
    "bpr_vectors": {"train": {"loss": "bpr"}, "losses": {"bpr": {"relation_vector": True}}},
    "lightgcn_bpr": {"train": {"encoder": "lightgcn", "loss": "bpr"}},
    "directau": {"train": {"loss": "directau"}},
    "in_batch": {"losses": {"sampled_softmax": {"in_batch": True, "n_negatives": 8}}},
    "inner_products": {"losses": {"sampled_softmax": {"normalize": False}}},
    "popular": {"train": {"negatives": "popularity"}},
    "hard": {"train": {"negatives": "hard"}},
    "dense_adam": {"train": {"optimizer": "dense_adam", "weight_decay": 0.01}},
    "adagrad": {"train": {"optimizer": "adagrad"}},
    "rowwise_adagrad": {"train": {"optimizer": "rowwise_adagrad"}},
    "sgd": {"train": {"optimizer": "sgd", "lr": 1.0}},
}


def main() -> None:
    """Run both trees and print what differs; exit code 1 if anything does."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--base", default="HEAD", help="commit to compare the working tree with")
    parser.add_argument("--quick", action="store_true", help="demo alone, one seed")
    parser.add_argument("--kept", type=Path, help="JSON with the base's sums: written if absent, else read instead of running")
    parser.add_argument("--tree", type=Path, help=argparse.SUPPRESS)  # of the two processes that do the work
    args = parser.parse_args()
    if args.tree:
        print(json.dumps(run_tree(args.tree, quick=args.quick)))
        return
    if "PMTREC_MIRROR" not in os.environ and not args.quick:
        print("PMTREC_MIRROR is not set: the demo alone is compared, not Yelp")
    with tempfile.TemporaryDirectory() as folder:  # a copy, so that an edit meanwhile does not matter
        listed = subprocess.run(
            ["git", "ls-files", "-co", "--exclude-standard"], cwd=ROOT, check=True, capture_output=True, text=True
        )
        for name in filter(lambda name: (ROOT / name).is_file(), listed.stdout.splitlines()):
            (Path(folder) / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, Path(folder) / name)
        ours = in_tree(Path(folder), quick=args.quick)
    if args.kept and args.kept.is_file():
        base = json.loads(args.kept.read_text())
    else:
        with tempfile.TemporaryDirectory() as folder:
            subprocess.run(["git", "worktree", "add", "--detach", folder, args.base], cwd=ROOT, check=True, capture_output=True)
            try:
                base = in_tree(Path(folder), quick=args.quick)
            finally:
                subprocess.run(["git", "worktree", "remove", "--force", folder], cwd=ROOT, check=True)
        if args.kept:
            args.kept.write_text(json.dumps(base))
    compared = [name for name in base if name in ours]
    other = [name for name in compared if base[name] != ours[name]]
    for name in sorted(set(base) ^ set(ours)):
        print(f"only in {'base' if name in base else 'the working tree'}: {name}")
    for name in other:
        print(f"differs: {name}")
    print(f"{len(compared) - len(other)} of {len(compared)} files have the same bytes")
    sys.exit(bool(other) or set(base) != set(ours))


def in_tree(tree: Path, *, quick: bool) -> dict[str, str]:
    """Sums of what a tree makes, in a process that imports nothing of the other one."""
    command = [sys.executable, str(Path(__file__)), "--tree", str(tree), *(["--quick"] if quick else [])]
    environment = os.environ | {"PYTHONPATH": str(tree), "OMP_WAIT_POLICY": "PASSIVE"}
    done = subprocess.run(command, cwd=tree, env=environment, stdout=subprocess.PIPE, text=True, check=True)
    found: dict[str, str] = json.loads(done.stdout)
    return found


def run_tree(tree: Path, *, quick: bool) -> dict[str, str]:
    """Run the stages of ``tree`` in a temporary folder."""
    import torch  # noqa: F401  # once, before the copies are made

    logging.getLogger().addHandler(logging.NullHandler())
    sys.modules["mlflow"] = None  # type: ignore[assignment]  # seconds per training; tracking bears no outage of it worse than this
    for stage in STAGES:
        importlib.import_module(f"stages.{stage}")
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        datasets = ["demo"] if quick or "PMTREC_MIRROR" not in os.environ else ["demo", "yelp"]
        params = write_params(tree, datasets, [0] if quick else [0, 1])
        dag = YAML(typ="safe", pure=True).load(tree / "dvc.yaml")["stages"]
        for stage in STAGES:
            with get_context("fork").Pool(2, maxtasksperchild=1) as pool:
                pool.map(call, commands(dag[stage], params), chunksize=1)
        sums = {
            str(path): hashlib.sha256(path.read_bytes()).hexdigest()
            for top in ("models", "results")
            for path in sorted(Path(top).rglob("*"))
            if path.name in COMPARED
        }
        for row in json.loads(Path("reports/leaderboard.json").read_text()):
            for key in row:
                if "@" in key or key in ("difference", "low", "high", "p", "p_seeds"):
                    sums[f"leader board {row['dataset']}/{row['method']}: {key}"] = str(row[key])
        return sums


def write_params(tree: Path, datasets: list[str], seeds: list[int]) -> dict[str, Any]:
    """params.yaml of the tree with all methods and variants and few epochs, in the current folder."""
    yaml = YAML(typ="safe", pure=True)
    params: dict[str, Any] = yaml.load(tree / "params.yaml")
    params["combiners"] |= {f"v_{name}": {"like": "pmtrec_inverse"} for name in VARIANTS}
    of_variants = {f"v_{name}": changes for name, changes in VARIANTS.items()}
    params["overrides"] = {name: {"methods": of_variants} for name in datasets}
    params["overrides"].setdefault("yelp", {})["preprocess"] = {"k_core": 5}
    params |= {"datasets": datasets, "methods": [*params["combiners"], *params.get("baselines", {})], "seeds": seeds}
    params["train"] |= {"epochs": 2, "threads": 1, "device": "cpu"}
    with Path("params.yaml").open("w") as file:
        yaml.dump(params, file)
    return params


def commands(stage: dict[str, Any], params: dict[str, Any]) -> list[str]:
    """The command of every item of a stage's matrix."""
    axes = {name: params[str(values).strip("${}")] for name, values in stage.get("matrix", {}).items()}
    items = (dict(zip(axes, point, strict=True)) for point in itertools.product(*axes.values()))
    return [re.sub(r"\$\{item\.(\w+)\}", lambda found, item=item: str(item[found[1]]), stage["cmd"]) for item in items]  # type: ignore[misc]


def call(command: str) -> None:
    """The ``main`` of a stage in this process."""
    stage, *arguments = shlex.split(command.partition("python -m ")[2])
    importlib.import_module(stage).main(arguments)


if __name__ == "__main__":
    main()
