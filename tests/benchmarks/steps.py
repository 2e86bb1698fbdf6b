"""Time and memory of a training step: every method of params.yaml, and tables of 10 thousand to 10 million rows.

Prints Markdown. Everything that is compared takes turns in one process, on one core of a CPU or on one GPU; a time is the
median over the rounds, a ratio the median of the ratios within a round, so that what else the machine does in a round concerns
all.
"""

import argparse
import ctypes
import gc
import logging
import platform
import resource
import statistics
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from pipeline.combiners.base import Step
from pipeline.config.plugin_options import method_of
from pipeline.config.run_config import read_config
from pipeline.data.examples import HEADS, NEGATIVES, TAILS, Examples
from pipeline.data.relation import ITEM, USER, Relation
from pipeline.data.storage import load_tasks
from pipeline.data.task_data import TaskData
from pipeline.optimizers.adam import Adam
from pipeline.optimizers.base import RowOptimizer
from pipeline.tasks.base import Draw
from pipeline.training.batches import Batch, batches
from pipeline.training.components import Components, build
from pipeline.training.device import make_deterministic
from pipeline.training.row_gradients import batch_losses, row_gradients
from pipeline.training.task import steps as cut

log = logging.getLogger(__name__)

DIM, BATCH, STEPS = 64, 2048, 10
SIZES = (10_000, 100_000, 1_000_000, 10_000_000)
TOUCHED = 6_000  # rows of every step of the second table, so that the size of the table is all that differs
M_MMAP_THRESHOLD = -3  # of mallopt()


class Stepper:
    """One method in the middle of a training."""

    def __init__(self, parts: Components, steps: Sequence[Batch], device: torch.device) -> None:
        nodes = parts.encoder.nodes
        self.parts, self.steps, self.losses = parts, steps, [task.loss for task in parts.tasks]
        self.tables = torch.tensor([nodes.offset(kind) for kind in nodes.sizes], device=device)
        (table,) = parts.encoder.parameters()
        self.optimizer: RowOptimizer = Adam(table.detach(), 5e-3, 1.0)
        self.generator = torch.Generator().manual_seed(0)
        self.taken = 0

    def step(self) -> Tensor:
        """As in the loop."""
        batch = self.steps[self.taken % len(self.steps)]
        self.taken += 1
        encoder = self.parts.encoder
        encoded = encoder.encode(batch.rows)
        gradients, losses = row_gradients(encoded, self.tables, batch, self.losses)
        combined = self.parts.combiner(gradients, Step(0.3, 1 + self.taken // 100, losses, self.generator))
        for _, rows, gradient in encoder.gradients(batch.rows, encoded, combined.values):
            self.optimizer.step(rows, gradient)
        self.parts.combiner.after_step(partial(batch_losses, encoded, batch, self.losses))
        return losses


def components(
    data: Sequence[TaskData], device: torch.device, rule: tuple[str, dict[str, Any]], loss: str = "bpr"
) -> Components:
    """Matrix factorisation by a rule."""
    return build(data, 0, device, dim=DIM, encoder=("mf", {}), loss=(loss, {}), rule=rule)


def steps_of(parts: Components, device: torch.device) -> list[Batch]:
    """Some steps of the tasks that the rule uses."""
    samples = [task.sample(Draw(1, STEPS * BATCH)) for task in parts.tasks]
    found = batches(cut(parts.tasks, samples, STEPS * BATCH, BATCH), parts.encoder.nodes.n_rows)
    return [batch.to(device) for batch in found]


def milliseconds(stepper: Stepper, device: torch.device) -> float:
    """Per step, over ``STEPS`` steps."""
    synchronise(device)
    start = time.perf_counter()
    for _ in range(STEPS):
        stepper.step()
    synchronise(device)
    return (time.perf_counter() - start) / STEPS * 1e3


def synchronise(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize()


def peak_mib(work: Callable[[], object], device: torch.device) -> float:
    """Most memory that ``work`` holds beyond what was held before, in MiB."""
    work()  # compiled loops, states that are made at the first call
    gc.collect()
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats()
        before = torch.cuda.memory_allocated()
        work()
        return (torch.cuda.max_memory_allocated() - before) / 2**20
    libc = ctypes.CDLL(None)
    libc.mallopt(M_MMAP_THRESHOLD, 2**16)  # so that what is freed goes back to the system, and each use shows
    work()
    libc.malloc_trim(0)
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")  # resets the peak
    before_kib = status("VmRSS")
    work()
    peak = status("VmHWM") - before_kib
    libc.mallopt(M_MMAP_THRESHOLD, 2**25)
    return peak / 1024


def status(key: str) -> int:
    """A line of /proc/self/status, in KiB."""
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return int(next(line for line in lines if line.startswith(f"{key}:")).split()[1])


def of_methods(params: Path, tasks: Path, rounds: int, device: torch.device) -> None:
    """Every section of ``combiners`` on the relations of one data set."""
    data = load_tasks(tasks)
    found = read_config(params)
    steppers: dict[str, Stepper] = {}
    steps: dict[int, list[Batch]] = {}
    for name in found.combiners:
        parts = components(data, device, method_of(found, name))
        of_tasks = steps.setdefault(len(parts.tasks), steps_of(parts, device))
        steppers[name] = Stepper(parts, of_tasks, device)
    memory = {name: peak_mib(stepper.step, device) for name, stepper in steppers.items()}
    times: dict[str, list[float]] = {name: [] for name in steppers}
    for number in range(rounds + 1):
        for name, stepper in steppers.items():
            times[name].append(milliseconds(stepper, device))
        log.info("methods: round %d of %d", number, rounds)
    times = {name: of[1:] for name, of in times.items()}  # the first round warms up
    rows = statistics.mean(step.rows.numel() for step in steps[len(data)])
    nodes = next(iter(steppers.values())).parts.encoder.nodes
    sizes = ", ".join(f"{kind} {size:,}" for kind, size in nodes.sizes.items())
    print(f"Tables: {sizes}; tasks: {', '.join(task.name for task in data)}; {rows:,.0f} rows touched a step.\n")
    print("| method | ms per step | x equal weights | x single task | peak memory of a step, MiB |")
    print("|---|---|---|---|---|")
    for name, of in sorted(times.items(), key=lambda item: statistics.median(item[1])):
        equal, single = (ratio(of, times[other]) for other in ("equal_weights", "single_task"))
        print(f"| {name} | {statistics.median(of):.2f} | {equal:.2f} | {single:.2f} | {memory[name]:.1f} |")


def of_sizes(rounds: int, device: torch.device) -> None:
    """`pmtrec_inverse` with three tasks on tables of several sizes; every step touches ``TOUCHED`` rows."""
    steppers = {size: sized(size, device) for size in SIZES}
    for stepper in steppers.values():
        for _ in stepper.steps:  # the system makes room for a row when it is touched first
            stepper.step()
    memory = {size: peak_mib(stepper.step, device) for size, stepper in steppers.items()}
    times: dict[int, list[float]] = {size: [] for size in SIZES}
    for number in range(rounds + 1):
        for size, stepper in steppers.items():
            times[size].append(milliseconds(stepper, device))
        log.info("sizes: round %d of %d", number, rounds)
    times = {size: of[1:] for size, of in times.items()}
    print("| rows of the table | ms per step | x 10,000 rows | peak memory of a step, MiB |")
    print("|---|---|---|---|")
    for size, of in times.items():
        print(f"| {size:,} | {statistics.median(of):.2f} | {ratio(of, times[SIZES[0]]):.2f} | {memory[size]:.1f} |")


def sized(size: int, device: torch.device) -> Stepper:
    """Users and items half and half; triplets over ``TOUCHED`` random rows of a step, with repetitions."""
    generator = np.random.default_rng(0)
    steps = []
    for _ in range(STEPS * 4):
        rows = np.sort(generator.choice(size, TOUCHED, replace=False))
        everything = generator.permutation(np.resize(np.arange(TOUCHED), 9 * BATCH))
        columns = iter(torch.split(torch.from_numpy(rows[everything]), BATCH))
        tasks = [Examples({name: next(columns) for name in (HEADS, TAILS, NEGATIVES)}) for _ in range(3)]
        (batch,) = batches(iter([tasks]), size)
        steps.append(batch.to(device))
    none = np.zeros(1, dtype=np.int64)
    relations = [Relation(name, USER, ITEM, none, none, size // 2, size // 2) for name in ("main", "side", "other")]
    data = [TaskData(relation.name, "ranking", relation) for relation in relations]
    return Stepper(components(data, device, ("pmtrec_inverse", {})), steps, device)


def on_gpu(tasks: Path) -> None:
    """No step of ours waits for the GPU, and where its time goes."""
    device = torch.device("cuda")
    data = load_tasks(tasks)
    for loss in ("bpr", "sampled_softmax"):
        parts = components(data, device, ("pmtrec_inverse", {}), loss)
        stepper = Stepper(parts, steps_of(parts, device), device)
        milliseconds(stepper, device)
        torch.cuda.set_sync_debug_mode("error")
        stepper.step()
        torch.cuda.set_sync_debug_mode("default")
        print(f"\nA step of pmtrec_inverse with {loss} makes no host synchronisation (torch.cuda.set_sync_debug_mode).\n")
        with torch.profiler.profile() as profile:
            milliseconds(stepper, device)
        print(f"```\n{profile.key_averages().table(sort_by='cuda_time_total', row_limit=15)}\n```")


def ratio(of: Sequence[float], others: Sequence[float]) -> float:
    """Median of the ratios within the rounds."""
    return statistics.median(a / b for a, b in zip(of, others, strict=True))


def main() -> None:
    """Measure and print."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--params", type=Path, default=Path("params.yaml"))
    arguments.add_argument("--tasks", type=Path, required=True, help="data/tasks/<dataset>, as dvc repro makes it")
    arguments.add_argument("--rounds", type=int, default=15)
    arguments.add_argument("--device", default="cpu", choices=["cpu", "cuda"])
    options = arguments.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    device = torch.device(options.device)
    make_deterministic(threads=1)
    where = torch.cuda.get_device_name() if device.type == "cuda" else f"one core ({platform.machine()})"
    print("# Steps\n")
    print(f"On {where}, torch {torch.__version__}, embeddings of {DIM}, {BATCH} pairs per task and step, lazy Adam.\n")
    of_methods(options.params, options.tasks, options.rounds, device)
    print()
    of_sizes(options.rounds, device)
    if device.type == "cuda":
        on_gpu(options.tasks)
    log.info("peak of the whole benchmark: %.0f MiB", resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)


if __name__ == "__main__":
    main()
