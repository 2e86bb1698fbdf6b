"""How a training or a search shows that it goes on."""

import logging
import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from pipeline.terminal.screen import is_terminal
from pipeline.training.epoch import Epoch

__all__ = ["bar", "progress"]

log = logging.getLogger(__name__)

_LINES_EVERY = 5  # epochs, where nobody watches


@contextmanager
def bar(name: str, total: int, unit: str) -> Iterator[Callable[[str], None]]:
    """A bar on a terminal, nothing elsewhere; what is yielded ends a step and says what stands beside it."""
    columns = (TextColumn(name, markup=False), BarColumn(), MofNCompleteColumn(), TextColumn(unit), TimeElapsedColumn())
    with Progress(
        *columns, TextColumn("{task.fields[text]}", markup=False), console=Console(stderr=True), disable=not is_terminal()
    ) as shown:
        task = shown.add_task(name, total=total, text="")
        yield lambda text: shown.update(task, advance=1, text=text)


@contextmanager
def progress(name: str, n_epochs: int) -> Iterator[Callable[[Epoch], None]]:
    """What to call as an epoch ends: a bar on a terminal, every fifth epoch a line elsewhere.

    First comes the number that one watches, the losses last. Time is counted from the first epoch.
    """
    best, best_epoch, started = -1.0, 0, time.monotonic()
    with bar(name, n_epochs, "epochs") as step:

        def show(epoch: Epoch) -> None:
            nonlocal best, best_epoch, started
            if epoch.number == 1:
                started = time.monotonic() - epoch.seconds
            if epoch.valid_ndcg > best:
                best, best_epoch = epoch.valid_ndcg, epoch.number
            left = (time.monotonic() - started) / epoch.number * (n_epochs - epoch.number)
            watched = f"NDCG@20 {epoch.valid_ndcg:.4f}, best {best:.4f} (epoch {best_epoch})"
            if math.isnan(epoch.valid_ndcg):
                watched = "all interactions, no validation"
            text = f"{watched}; at most {n_epochs - epoch.number} epochs, {_minutes(left)} left"
            losses = ", ".join(f"{task} {value:.4f}" for task, value in epoch.losses.items())
            step(f"{text}; loss {losses}" if losses else text)
            if not is_terminal() and (epoch.number % _LINES_EVERY == 0 or epoch.number == n_epochs):
                log.info("%s: epoch %3d, %s%s", name, epoch.number, text, f"; loss {losses}" if losses else "")

        yield show


def _minutes(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 100 else f"{seconds / 60:.0f} min"  # noqa: PLR2004  # two digits of either
