"""CPU seconds of a sweep of the exact solver beside an iteration of implicit's ALS, taking turns, on a real data set.

python -m tests.benchmarks.solver lastfm yelp >docs/benchmarks/solver.md
"""

import argparse
import statistics
import time
from collections.abc import Callable
from functools import partial

import scipy.sparse
import threadpoolctl
import torch
from implicit.als import AlternatingLeastSquares

from pipeline.api import prepare
from pipeline.baselines.base import interaction_matrix
from pipeline.data.splitting import Splitting
from pipeline.data.task_data import TaskData
from pipeline.solvers.base import Machine
from pipeline.solvers.ials import IALS
from tests.benchmarks._runs import markdown

ROUNDS, SWEEPS = 3, 2


def ours(tasks: list[TaskData], dim: int, **options: float) -> None:
    """Two sweeps of the exact solver, its set-up included."""
    solver = IALS(tasks, 0, Machine(), dim=dim, **options)  # type: ignore[arg-type]
    for _ in range(SWEEPS):
        for kind, size in solver.nodes.sizes.items():
            solver.gradients(kind)
            solver.solve(kind, torch.ones(len(solver.tasks), size))


def implicit(taken: scipy.sparse.csr_matrix, dim: int, *, use_cg: bool) -> None:
    """Two iterations of implicit: exact, or by three steps of conjugate gradients, its default."""
    model = AlternatingLeastSquares(dim, iterations=SWEEPS, use_cg=use_cg, use_gpu=False, num_threads=1, random_state=0)
    model.fit(taken, show_progress=False)


def cpu_seconds(work: Callable[[], None]) -> float:
    """Of one call, per sweep."""
    started = time.process_time()
    work()
    return (time.process_time() - started) / SWEEPS


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("datasets", nargs="+")
    torch.set_num_threads(1)
    rows = []
    with threadpoolctl.threadpool_limits(1, "blas"):
        for name in parser.parse_args().datasets:
            data = prepare(name, k_core=5, splitting=Splitting(ratios=(0.7, 0.1, 0.2)))
            tasks = list(data.tasks)
            taken = scipy.sparse.csr_matrix(interaction_matrix(tasks))
            for dim in (64, 128):
                works = {
                    "one task": partial(ours, tasks[:1], dim),
                    "all tasks": partial(ours, tasks, dim),
                    "attributes": partial(ours, tasks, dim, factorise=False, user_attributes=1.0, item_attributes=1.0),
                    "implicit, exact": partial(implicit, taken, dim, use_cg=False),
                    "implicit, 3 steps of CG": partial(implicit, taken, dim, use_cg=True),
                }
                found: dict[str, list[float]] = {what: [] for what in works}
                for turn in range(ROUNDS + 1):
                    for what, work in works.items():
                        seconds = cpu_seconds(work)
                        if turn:  # the first compiles and warms up
                            found[what].append(seconds)
                medians = {what: statistics.median(times) for what, times in found.items()}
                base = medians["one task"]
                cells = [f"{seconds:.3f} ({seconds / base:.2f})" for seconds in medians.values()]
                rows.append([name, str(len(tasks)), str(dim), *cells])
    print(f"CPU seconds per sweep, median of {ROUNDS} in turns (times that of one task); one thread.\n")
    print(markdown(["data set", "tasks", "dim", *works], rows))


if __name__ == "__main__":
    main()
