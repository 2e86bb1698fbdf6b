"""Faults at random, many of them; docs/reliability.md has what ``python -m tests.faults --kills 500 --faults 2000`` says."""

import argparse
import logging
import os
import shutil
import tempfile
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from pathlib import Path

from pipeline.terminal.screen import say
from pipeline.training.device import make_deterministic
from tests.faults.failing_calls import failing_calls
from tests.faults.flips import flips
from tests.faults.kills import kills
from tests.faults.stand import Stand
from tests.project import Project

Tried = Iterable[tuple[str, str, list[str]]]


def main() -> None:
    """Print what was survived, with denominators, and every loss."""
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("kills", "faults", "flips"):
        parser.add_argument(f"--{name}", type=int, default=0)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    make_deterministic(threads=1)
    os.environ.pop("MLFLOW_TRACKING_URI", None)
    logging.disable(logging.WARNING)
    with tempfile.TemporaryDirectory() as scratch:
        if args.kills:
            (root := Path(scratch, "killed")).mkdir()
            table("killed in", kills(Stand(root), args.kills, args.seed))
        root, kept = Path(scratch, "project"), Path(scratch, "kept")
        root.mkdir()
        os.environ["DVC_ROOT"] = str(root)
        project = Project.finished(root)
        shutil.copytree(root, kept)
        if args.faults:
            table("failing call in", failing_calls(project, stages_of(project), args.faults, args.seed))
        if args.flips:
            table("damaged file of", flips(project, kept, args.flips, args.seed))


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


def table(title: str, tried: Tried) -> None:
    """A row for each stage, a column for each kind of fault, survived / tried; then the losses."""
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


if __name__ == "__main__":
    main()
