"""Signals at random moments of every stage: it ends, leaves nothing partial, and the next run ends as if nothing had been."""

import random
import signal
import time
from collections.abc import Iterator

from tests.faults.outputs import partial_outputs
from tests.faults.rig import Rig, Step

__all__ = ["kills"]

_SIGNALS = (signal.SIGKILL, signal.SIGTERM, signal.SIGINT)
_ENDS = {signal.SIGKILL: {-9}, signal.SIGTERM: {-15, 143}, signal.SIGINT: {-2, 130}}
_OVER_S = 0.3  # before which a signal came, if the stage ended with 0: it was about to


def kills(rig: Rig, n_kills: int, seed: int) -> Iterator[tuple[str, str, list[str]]]:
    """Stage, signal and what was wrong, for each kill."""
    draw = random.Random(seed)
    lengths: dict[str, float] = {}
    number = 0
    while number < n_kills:
        step = rig.known[number % len(rig.known)]
        if step.name not in lengths:
            lengths[step.name] = _seconds(rig, step)
        how = draw.choice(_SIGNALS)
        process = rig.redo(step)
        time.sleep(draw.uniform(0, lengths[step.name]))
        if process.poll() is not None:  # it was over before
            if (ended := rig.wait()) != (0, ""):
                number += 1
                yield step.name, how.name, [f"ended by itself with {ended}"]
            continue
        number += 1
        process.send_signal(how)
        sent = time.monotonic()
        code, line = rig.wait(20)
        is_over = code == 0 and time.monotonic() - sent < _OVER_S
        wrong = partial_outputs(rig.root, step.outs)
        if code not in _ENDS[how] and not is_over:
            wrong.append(f"ended with {code}: {line}")
        elif line:
            wrong.append(f"said {line!r}")
        yield step.name, how.name, [*wrong, *rig.after(step)]


def _seconds(rig: Rig, step: Step) -> float:
    start = time.monotonic()
    rig.redo(step)
    rig.wait()
    return time.monotonic() - start
