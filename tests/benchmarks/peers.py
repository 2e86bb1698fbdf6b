"""Training and evaluation against public libraries, in turns in one run, each on one core. Prints Markdown."""

import argparse
import json
import logging
import os
import statistics
import sys
import tempfile
from pathlib import Path
from subprocess import DEVNULL, PIPE, Popen

import numpy as np

from pipeline.data.storage import load_split, load_tasks

log = logging.getLogger(__name__)

# Worker -> what it is. Ours run in our environment, the others in that of the Makefile for peers.
TRAIN = {
    "ours:single_task": "pmtrec, single task",
    "ours:equal_weights": "pmtrec, equal weights, {n} tasks",
    "ours:pcgrad": "pmtrec, PCGrad, {n} tasks",
    "ours:upgrad": "pmtrec, UPGrad, {n} tasks",
    "ours:pmtrec_inverse": "pmtrec, pmtrec_inverse, {n} tasks",
    "recbole:": "RecBole 1.2.1, BPR (Adam on dense tables)",
    "implicit:": "implicit 0.7.3, BPR (SGD, sample by sample)",
    "cornac:": "cornac 3.0.1, BPR (SGD, sample by sample)",
    "dense:sum": "plain PyTorch, dense tables, {n} tasks, sum of losses",
    "dense:PCGrad": "the same, PCGrad by TorchJD 0.18 (its fastest setting)",
    "dense:UPGrad": "the same, UPGrad by TorchJD 0.18 (its fastest setting)",
    "libmtl:PCGrad": "the same, PCGrad by LibMTL 1.1.5",
}
EVALUATE = ("ours:single_task", "recbole:", "implicit:")


class Worker:
    """A process of ``workers.py``."""

    def __init__(self, name: str, python: str, data: Path) -> None:
        one_core = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "PYTHONWARNINGS": "ignore"}
        env = os.environ | one_core | ({"PYTHONPATH": str(Path.cwd())} if python == sys.executable else {})
        command = [python, str(Path(__file__).with_name("workers.py")), name, str(data)]
        # In the folder of the data, because RecBole leaves files where it runs.
        self._process = Popen(command, env=env, cwd=data.parent, stdin=PIPE, stdout=PIPE, stderr=DEVNULL, text=True)

    def ask(self, what: str) -> tuple[float, int]:
        """Seconds, and how much was done in them."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f"{what}\n")
        self._process.stdin.flush()
        answer = json.loads(self._process.stdout.readline())
        return answer["seconds"], answer["n"]

    def end(self) -> None:
        """Let it go."""
        self._process.kill()
        self._process.wait()


def export(processed: Path, tasks: Path, path: Path) -> int:
    """What every worker reads; the number of tasks."""
    split = load_split(processed)
    relations = [task.relation for task in load_tasks(tasks) if task.relation is not None]
    data = {part: getattr(split, part)[["user", "item"]].to_numpy() for part in ("train", "valid", "test")}
    data |= {"n_users": np.array(split.n_users), "n_items": np.array(split.n_items)}
    data["side"] = np.array([relation.name for relation in relations[1:]])
    for relation in relations[1:]:
        data[f"{relation.name}_pairs"] = np.stack([relation.heads, relation.tails], axis=1)
        data[f"{relation.name}_kinds"] = np.array([relation.head_type, relation.tail_type])
        data[f"{relation.name}_sizes"] = np.array([relation.n_heads, relation.n_tails])
    np.savez(path, **data)
    counts = f"{split.n_users:,} users, {split.n_items:,} items, {len(split.train):,} training interactions"
    print("# Peers\n")
    print(f"{counts}; tasks: {', '.join(relation.name for relation in relations)}.\n")
    return len(relations)


def rates(workers: dict[str, Worker], what: str, rounds: int) -> dict[str, list[float]]:
    """Interactions or users per second, one number per round; the first round warms up."""
    found: dict[str, list[float]] = {name: [] for name in workers}
    for number in range(rounds + 1):
        for name, worker in workers.items():
            seconds, n = worker.ask(what)
            found[name].append(n / seconds)
        log.info("%s: round %d of %d", what, number, rounds)
    return {name: of[1:] for name, of in found.items()}


def table(found: dict[str, list[float]], unit: str, n_tasks: int) -> None:
    """Medians, and the medians of the ratios within a round to RecBole."""
    print(f"| | {unit} per second | x RecBole |\n|---|---|---|")
    for name, of in found.items():
        against = statistics.median(a / b for a, b in zip(of, found["recbole:"], strict=True))
        print(f"| {TRAIN[name].format(n=n_tasks)} | {statistics.median(of):,.0f} | {against:.2f} |")


def main() -> None:
    """Measure and print."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--processed", type=Path, required=True)
    arguments.add_argument("--tasks", type=Path, required=True)
    arguments.add_argument("--peers", type=os.path.abspath, required=True, help="python of an environment with the peers")
    arguments.add_argument("--rounds", type=int, default=7)
    options = arguments.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    with tempfile.TemporaryDirectory() as scratch:
        data = Path(scratch, "data.npz")
        n_tasks = export(options.processed, options.tasks, data)
        workers = {name: Worker(name, sys.executable if name.startswith("ours") else options.peers, data) for name in TRAIN}
        try:
            table(rates(workers, "train", options.rounds), "training interactions (of the main task)", n_tasks)
            print()
            table(rates({name: workers[name] for name in EVALUATE}, "evaluate", options.rounds), "users ranked", n_tasks)
        finally:
            for worker in workers.values():
                worker.end()


if __name__ == "__main__":
    main()
