"""Requests per second and their times, of `pmtrec serve` beside peers, taking turns, at two sizes of the catalogue.

python -m tests.benchmarks.serving --peers .venv-peers/bin/python >docs/benchmarks/serving.md
"""

import argparse
import asyncio
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import numpy.typing as npt
import scipy.sparse
import torch

from pipeline.artifacts import new_folder
from pipeline.data.ids import IdMap
from pipeline.ranking.fold_in import Softmax
from pipeline.ranking.item_lists import ItemLists
from pipeline.ranking.query import Query
from pipeline.ranking.recommender import Recommender
from pipeline.ranking.scoring import Scoring
from pipeline.ranking.storage import load_recommender, save_recommender
from tests.benchmarks._runs import markdown
from tests.sources import ROOT

SIZES = {"LastFM's size": (1_867, 2_600, 50), "a million items": (10_000, 1_000_000, 20)}  # users, items, history
CLIENTS = (1, 8, 64)
DIM, ROUNDS, SECONDS = 64, 2, 4.0
LARGE = 100_000  # items

INTRODUCTION = """# Serving

Made by `python -m tests.benchmarks.serving`: ten items for a random user a request, 64 dimensions, clients that wait for their
answer on one connection each, clients and servers on the same two cores; the median of the rounds, in which the servers take
turns. Requests per second, and times in milliseconds: p50 / p99."""

PEERS = """
implicit: its `recommend` in the event loop of FastAPI, one process; cornac: its own serving application under gunicorn, one
process of eight threads, as it answers by default, which does not leave out seen items. Their answers are smaller: no version,
no basis, cornac's no scores."""


def make(folder: Path, n_users: int, n_items: int, each: int) -> None:
    """Embeddings in clusters, as trained ones have them, and histories at random."""
    rng = np.random.default_rng(0)
    centres = rng.standard_normal((max(n_items // 1000, 20), DIM), dtype=np.float32)
    users, items = (_clustered(centres, n, rng) for n in (n_users, n_items))
    seen = ItemLists.of_lists([sorted(set(rng.integers(0, n_items, each).tolist())) for _ in range(n_users)], n_items)
    ids = [IdMap.of([str(n) for n in range(size)]) for size in (n_users, n_items)]
    scoring = Scoring(torch.from_numpy(users), torch.from_numpy(items), torch.bincount(seen.items, minlength=n_items))
    model = Recommender(ids[0], ids[1], scoring, seen, Softmax(scoring.items))
    with new_folder(folder / "model") as out:
        save_recommender(model, out)
    matrix = (np.ones(len(seen.items), np.float32), seen.items.numpy(), seen.offsets.numpy())
    scipy.sparse.save_npz(folder / "seen.npz", scipy.sparse.csr_matrix(matrix, shape=(n_users, n_items)))
    np.save(folder / "users.npy", users)
    np.save(folder / "items.npy", items)


def _clustered(centres: npt.NDArray[np.float32], n: int, rng: np.random.Generator) -> npt.NDArray[np.float32]:
    noise = rng.standard_normal((n, DIM)).astype(np.float32) / 2
    return np.asarray(centres[rng.integers(0, len(centres), n)] + noise, dtype=np.float32)


@contextmanager
def running(command: Sequence[str], port: int, **environment: str) -> Iterator[None]:
    """A server, from when it listens."""
    env = {**os.environ, "PYTHONPATH": str(ROOT), "OPENBLAS_NUM_THREADS": "1", **environment}
    process = subprocess.Popen(command, env=env, stdout=sys.stderr)
    try:
        asyncio.run(_listens(port))
        yield
    finally:
        process.terminate()
        process.wait(30)


async def _listens(port: int) -> None:
    for _ in range(4_000):
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            await asyncio.sleep(0.1)
        else:
            writer.close()
            return
    raise TimeoutError(port)


async def load(port: int, request: Callable[[int], bytes], n_users: int, clients: int) -> tuple[float, float, float]:
    """Requests per second, median and 99th percentile in milliseconds; every client waits for its answer."""
    times: list[float] = []
    until = time.perf_counter() + SECONDS

    async def client(number: int) -> None:
        draw = random.Random(number)
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        while time.perf_counter() < until:
            started = time.perf_counter()
            writer.write(request(draw.randrange(n_users)))
            head = await reader.readuntil(b"\r\n\r\n")
            assert head.startswith(b"HTTP/1.1 200"), head
            length = next(line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length"))
            await reader.readexactly(int(length.split(b":")[1]))
            times.append(time.perf_counter() - started)
        writer.close()

    await asyncio.gather(*(client(number) for number in range(clients)))
    p50, p99 = np.percentile(times, [50, 99]) * 1e3
    return len(times) / SECONDS, float(p50), float(p99)


def _post(user: int) -> bytes:
    body = json.dumps({"user_id": str(user), "k": 10}).encode()
    return b"POST /recommend HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: %d\r\n\r\n" % len(body) + body


def _get(user: int) -> bytes:
    return b"GET /recommend?uid=%d&k=10 HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n" % user


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--peers", type=Path, help="Python of an environment with implicit, cornac, FastAPI, Flask, gunicorn")
    peers = parser.parse_args().peers
    print(INTRODUCTION)
    for title, size in SIZES.items():
        with tempfile.TemporaryDirectory() as scratch:
            folder = Path(scratch)
            make(folder, *size)
            print(f"\n## At {title}\n\n{size[0]:,} users, {size[1]:,} items.\n")
            print(_measured(title, folder, size[0], peers, large=size[1] > LARGE))
            if size[1] > LARGE:
                print(f"\n{_recall(folder / 'model')}")
    print(PEERS)


def _measured(title: str, folder: Path, n_users: int, peers: Path | None, *, large: bool) -> str:
    ours = [sys.executable, "-m", "pipeline.commands.main", "serve", "--from", str(folder / "model"), "--port"]
    servers: dict[str, tuple[list[str], list[str], Callable[[int], bytes]]] = {
        "`pmtrec serve`": (ours, [], _post),
        "`pmtrec serve --workers 2`": (ours, ["--workers", "2"], _post),
    }
    if large:
        servers["`pmtrec serve --index`"] = (ours, ["--index"], _post)
    for name in ("implicit", "cornac") if peers else ():
        servers[name] = ([str(peers), str(Path(__file__).with_name("serving_peers.py")), name, str(folder)], [], _get)
    found: dict[tuple[str, int], list[tuple[float, float, float]]] = {}
    for turn in range(ROUNDS):
        for place, (name, (command, options, request)) in enumerate(servers.items()):
            port = 18_000 + place + 10 * turn
            with running([*command, str(port), *options], port):
                asyncio.run(load(port, request, n_users, 1))  # warms up
                for clients in CLIENTS:
                    found.setdefault((name, clients), []).append(asyncio.run(load(port, request, n_users, clients)))
        print(f"{title}: round {turn + 1} of {ROUNDS}", file=sys.stderr)
    rows = []
    for name in servers:
        medians = [np.median(found[name, clients], axis=0) for clients in CLIENTS]
        rows.append([name, *(f"{rate:,.0f}/s, {p50:.1f} / {p99:.1f}" for rate, p50, p99 in medians)])
    return markdown(["server", *(f"{clients} client{'s' if clients > 1 else ''}" for clients in CLIENTS)], rows)


def _recall(folder: Path) -> str:
    from dataclasses import replace

    from pipeline.serving.index import approximate

    model, asked = load_recommender(folder), [str(n) for n in range(500)]
    started = time.perf_counter()
    index = replace(model, nearest=approximate(model.scoring.items))
    built = time.perf_counter() - started
    lists = [of.answer(asked, Query(10)).items.tolist() for of in (model, index)]
    common = sum(len(set(one) & set(other)) for one, other in zip(*lists, strict=True)) / (10 * len(asked))
    return f"The index has {common:.2%} of the exact top ten (500 users); it is built when the server starts, in {built:.0f} s."


if __name__ == "__main__":
    main()
