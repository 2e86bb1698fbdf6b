"""A large generated data set through the stages before training: seconds and peak memory of each, as a table.

`make bench-scale` writes docs/benchmarks/scale.md. The data: Zipf-like popularity of users and items, ids and time stamps as
text in CSV, a friendship graph, as a person would bring them.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute
import pyarrow.csv

from tests.sources import CUSTOM, ROOT

DESCRIBED = """custom:
  big:
    interactions: {path: clicks.csv, user: user, item: item, rating: rating, timestamp: time}
    relations:
      friends: {path: friends.csv, between: [user, user], head: a, tail: b}
"""


def write_data(folder: Path, n_rows: int, n_users: int, n_items: int, n_links: int) -> None:
    """clicks.csv and friends.csv."""
    rng = np.random.default_rng(0)

    def skewed(n: int, size: int) -> np.ndarray:
        return (n * rng.random(size) ** 2).astype(np.int64)

    def ids(letter: str, numbers: np.ndarray) -> pa.Array:
        return pa.compute.binary_join_element_wise(letter, pa.array(numbers).cast(pa.string()), "")

    clicks = {
        "user": ids("user-", rng.permutation(n_users)[skewed(n_users, n_rows)]),
        "item": ids("item-", rng.permutation(n_items)[skewed(n_items, n_rows)]),
        "rating": rng.integers(1, 6, n_rows),
        "time": rng.integers(1_500_000_000, 1_700_000_000, n_rows),
    }
    pyarrow.csv.write_csv(pa.table(clicks), folder / "clicks.csv")
    friends = {name: ids("user-", skewed(n_users, n_links)) for name in ("a", "b")}
    pyarrow.csv.write_csv(pa.table(friends), folder / "friends.csv")


def run(folder: Path, stage: str, *arguments: str) -> tuple[float, float]:
    """Seconds and peak GiB of a stage as a process of its own."""
    start = time.perf_counter()
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    child = subprocess.Popen([sys.executable, "-m", f"stages.{stage}", *arguments], cwd=folder, env=environment)
    _, status, usage = os.wait4(child.pid, 0)
    if status:
        raise SystemExit(f"{stage} ended with {os.waitstatus_to_exitcode(status)}")
    return time.perf_counter() - start, usage.ru_maxrss / 2**20  # Linux counts in KiB


def main() -> None:
    """Generate, run the stages, print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    for name, default in (("rows", 20_000_000), ("users", 500_000), ("items", 100_000), ("links", 5_000_000)):
        parser.add_argument(f"--{name}", type=int, default=default)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        with ProcessPoolExecutor(1) as own:  # the peak of a process counts from that of the one that starts it
            own.submit(write_data, folder, args.rows, args.users, args.items, args.links).result()
        size = sum(path.stat().st_size for path in folder.iterdir())
        params = (ROOT / "params.yaml").read_text().replace("\n- demo\n", "\n- big\n").replace(CUSTOM, DESCRIBED)
        (folder / "params.yaml").write_text(params)
        record = ("--record", "checked/big/download.json")
        stages = {
            "inspect_data": (),
            "check": ("--out", "checked"),
            "download": ("--checked", record[1], "--out", "raw"),
            "preprocess": ("--checked", "checked/big/preprocess.json", *record, "--raw", "raw", "--out", "processed"),
            "build_tasks": ("--checked", "checked/big/build_tasks.json", "--processed", "processed", "--out", "tasks"),
        }
        found = {}
        for stage, arguments in stages.items():
            params_too = ("--params", "params.yaml") if stage in ("inspect_data", "check") else ()
            found[stage] = run(folder, stage, *params_too, *arguments)
    print("# Scale\n")
    print(
        f"{args.rows:,} interactions (with ratings and time stamps) of {args.users:,} users with {args.items:,} items, and "
        f"{args.links:,} friendships, in {size / 2**20:,.0f} MiB of CSV; params.yaml as it is; {os.cpu_count()} cores.\n"
    )
    print("| stage | seconds | peak GiB |\n| --- | --- | --- |")
    for stage, (seconds, memory) in found.items():
        print(f"| {stage} | {seconds:.0f} | {memory:.1f} |")


if __name__ == "__main__":
    main()
