"""Two processes of one stage at once: one writes, the other says that it is busy, or comes after; both leave the same."""

import random
import time
from collections.abc import Iterator

from tests.faults.outputs import partial_outputs
from tests.faults.rig import Rig

__all__ = ["pairs"]

_BUSY = 4


def pairs(rig: Rig, n_pairs: int, seed: int) -> Iterator[tuple[str, str, list[str]]]:
    """Stage, "both" and what was wrong, for each pair."""
    draw = random.Random(seed)
    for number in range(n_pairs):
        step = rig.known[number % len(rig.known)]
        rig.redo(step)
        time.sleep(draw.uniform(0, 1))
        step.run()
        ends = [rig.wait(of=process) for process in rig.project.started[-2:]]
        wrong = [f"ended with {code}: {line}" for code, line in ends if code not in {0, _BUSY}]
        wrong += [of for code, line in ends for of in rig.not_one_line(code, line)]
        if all(code for code, _ in ends):
            wrong.append("neither has done it")
        yield step.name, "both", [*wrong, *partial_outputs(rig.root, step.outs), *rig.other_bytes(step), *rig.after(step)]
