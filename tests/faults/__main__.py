"""Faults at random, many of them: ``python -m tests.faults --kills 500``; docs/explanation/reliability.md has what it says."""

import argparse
import logging
import os
import shutil
import sys
import tempfile
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from pathlib import Path

from pipeline.terminal.screen import say
from pipeline.training.device import make_deterministic
from tests.faults.dvc_kills import dvc_kills
from tests.faults.failing_calls import failing_calls
from tests.faults.flips import flips
from tests.faults.kills import kills
from tests.faults.machines import machines
from tests.faults.pairs import pairs
from tests.faults.rig import Rig
from tests.faults.states import states
from tests.project import Project

Tried = Iterable[tuple[str, str, list[str]]]
Kind = Callable[[Path, int, int], Tried]
"""Takes an empty folder, how many faults and which; gives place, fault and what was wrong, for each."""


def main() -> None:
    """Print what was survived, with denominators, and every loss."""
    parser = argparse.ArgumentParser(description=__doc__)
    for name in KINDS:
        parser.add_argument(f"--{name}", type=int, default=0, metavar="N")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    make_deterministic(threads=1)
    os.environ.pop("MLFLOW_TRACKING_URI", None)
    logging.disable(logging.WARNING)
    n_lost = 0
    for name, (title, kind) in KINDS.items():
        if n_faults := getattr(args, name.replace("-", "_")):
            with tempfile.TemporaryDirectory() as scratch:
                n_lost += table(title, kind(Path(scratch).resolve(), n_faults, args.seed))
    sys.exit(n_lost > 0)


def _on_rig(kind: Callable[[Rig, int, int], Tried]) -> Kind:
    return lambda scratch, n_faults, seed: kind(Rig(scratch), n_faults, seed)


def _of_calls(scratch: Path, n_faults: int, seed: int) -> Tried:
    os.environ["DVC_ROOT"] = str(scratch)
    project = Project.finished(scratch)
    return failing_calls(project, stages_of(project), n_faults, seed)


def _of_outputs(scratch: Path, n_faults: int, seed: int) -> Tried:
    root, kept = scratch / "project", scratch / "kept"
    root.mkdir()
    os.environ["DVC_ROOT"] = str(root)
    project = Project.finished(root)
    shutil.copytree(root, kept)
    return flips(project, kept, n_faults, seed)


KINDS: dict[str, tuple[str, Kind]] = {
    "kills": ("killed in", _on_rig(kills)),
    "dvc-kills": ("killed", dvc_kills),
    "pairs": ("two at once of", _on_rig(pairs)),
    "machines": ("a machine without", machines),
    "faults": ("failing call in", _of_calls),
    "flips": ("damaged file of", _of_outputs),
    "states": ("damaged", states),
}
"""Option -> title of its table, and what tries."""


def stages_of(project: Project) -> dict[str, tuple[Callable[[], object], list[str]]]:
    """Stages that can run in this process, and their outputs that do not depend on the clock."""
    return {
        "train": (lambda: project.train("pmtrec"), [project.model("pmtrec")]),
        "evaluate": (lambda: project.evaluate("pmtrec"), [project.result("pmtrec")]),
        "collect": (project.collect, []),  # it has the hash of the costs
        "refit": (project.refit, [f"refits/{project.dataset}"]),
        "track": (project.track, []),
        "compare": (project.compare, []),
    }


def table(title: str, tried: Tried) -> int:
    """A row for each stage, a column for each kind of fault, survived / tried; each loss as it comes. How many there were."""
    all_of: dict[str, Counter[str]] = defaultdict(Counter)
    lost: dict[str, Counter[str]] = defaultdict(Counter)
    losses = []
    for place, what, wrong in tried:
        row, column = place.split("/")[0], what.split()[0]
        all_of[row][column] += 1
        if wrong:
            lost[row][column] += 1
            losses.append(f"{place} | {what} | {'; '.join(wrong)}")
            say(f"lost: {losses[-1]}")
    columns = sorted({column for of in all_of.values() for column in of})
    say(f"\n| {title} | {' | '.join(columns)} |\n|{' --- |' * (len(columns) + 1)}")
    for row, of in all_of.items():
        cells = (f"{of[column] - lost[row][column]} / {of[column]}" if of[column] else "" for column in columns)
        say(f"| {row} | {' | '.join(cells)} |")
    n = sum(of.total() for of in all_of.values())
    say(f"\n{n - len(losses)} of {n} survived.\n")
    return len(losses)


if __name__ == "__main__":
    main()
