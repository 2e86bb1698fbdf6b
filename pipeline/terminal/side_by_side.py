"""Several pieces of work at once, each in a process of its own."""

import multiprocessing
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from typing import TypeVar

from pipeline.errors import MachineError
from pipeline.terminal.parent import end_with_parent

__all__ = ["side_by_side"]

_Item = TypeVar("_Item")
_Result = TypeVar("_Result")


def side_by_side(work: Callable[[_Item], _Result], items: Sequence[_Item], jobs: int) -> Iterator[tuple[_Item, _Result]]:
    """Each item with its result, as they come; with one job in this process and in order.

    Args:
        work: Can be pickled.
        items: What it is called with.
        jobs: Processes at once.

    Raises:
        MachineError: If a process was killed.
    """
    if jobs == 1:
        yield from ((item, work(item)) for item in items)
        return
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(jobs, mp_context=spawn, initializer=end_with_parent) as pool:
        running = {pool.submit(work, item): item for item in items}
        try:
            for done in as_completed(running):
                yield running[done], done.result()
        except BrokenProcessPool as error:
            problem = "a process of this search was killed, perhaps for want of memory"
            raise MachineError(f"tune: {problem}. Fix: run again with fewer --jobs") from error
        except BaseException:  # also of a signal: the pool would wait until the trainings that run are over
            pool.shutdown(wait=False, cancel_futures=True)
            for worker in multiprocessing.active_children():
                worker.terminate()
            raise
