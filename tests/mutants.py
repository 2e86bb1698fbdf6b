"""Small changes to the code that a test ought to notice: ``make mutants``; docs/explanation/reliability.md has what it says.

mutmut makes them and runs the tests that reach each one. It leaves decorated functions alone, so the compiled loops lose their
decorator in the copy that is changed, and run as Python.
"""

import argparse
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path

from pipeline.terminal.screen import say
from tests.sources import ROOT

_CHANGED = (
    *("combiners/*", "kernels/*", "metrics/*", "data/splitting", "evaluation/significance", "evaluation/evaluator"),
    *("ranking/top_k", "ranking/scoring", "ranking/recommender"),
    *(f"training/{name}" for name in ("row_gradients", "loop", "loop_state", "batches", "early_stopping", "sweeps")),
)
_TESTS = (
    *("metrics", "evaluation", "kernels", "combiners", "ranking", "optimizers", "reports", "solvers"),
    *("test_api.py", "test_seeding.py"),
    *(f"data/test_{name}.py" for name in ("splitting", "stable", "preprocessing", "pairs")),
    *(f"training/test_{name}.py" for name in ("algorithm_1", "early_stopping", "loop", "resume", "row_gradients")),
    *(f"training/test_{name}.py" for name in ("hard_negatives", "task_kinds")),
)
# Too slow as Python, or about the compiling itself.
_NOT = "loops_are_the_batches checked_cache finds_the_cache size_of_the_table two_threads finds_the_held_out".split()  # noqa: SIM905
_SETTINGS = """
[tool.mutmut]
source_paths = ["pipeline", "stages"]
only_mutate = {changed}
do_not_mutate = ["pipeline/kernels/compiling.py", "pipeline/kernels/checked_cache.py"]
also_copy = ["params.yaml", "dvc.yaml", "docs", "README.md", "settings", "SECURITY.md", "CHANGELOG.md"]
pytest_add_cli_args = ["-p", "no:xdist", "-p", "no:cacheprovider", "-W", "ignore::RuntimeWarning", "-k", "{selected}"]
pytest_add_cli_args_test_selection = {tests}
process_isolation = "forkserver"
use_git_change_detection = false
track_dependencies = false
"""
_FIRST = "pipeline.metrics.hit_rate.*"  # few, to have all of them listed
_FOUND = re.compile(r"\s*(pipeline\.(\w+)\.\S+__mutmut_\d+): (.+)")


def main() -> None:
    """Print how many of a sample were noticed, by room, and those that were not."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", help="of changes, as those that survived; by default a sample of all")
    parser.add_argument("--sample", type=int, default=400)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    signal.signal(signal.SIGINT, signal.default_int_handler)  # tests send it; a job in the background ignores it
    with tempfile.TemporaryDirectory() as folder:
        root = _copy(Path(folder).resolve())
        _mutmut(root, "run", "--max-children", "1", _FIRST)
        names = [found[1] for found in map(_FOUND.match, _mutmut(root, "results", "--all", "true")) if found]
        random.Random(args.seed).shuffle(names)
        sample = set(args.names or names[: args.sample])
        say(f"{len(sample)} of {len(names)} changes" + (f", drawn with seed {args.seed}" if not args.names else ""))
        _mutmut(root, "run", "--max-children", "1", *sample)
        found = [
            found for found in map(_FOUND.match, _mutmut(root, "results", "--all", "true")) if found and found[1] in sample
        ]
        for one in found:
            if one[3] in {"survived", "no tests"}:
                say("\n".join(_mutmut(root, "show", one[1])))
        of = {outcome: Counter(one[2] for one in found if one[3] == outcome) for outcome in sorted({one[3] for one in found})}
        say(f"\n| room | {' | '.join(of)} |\n|{' --- |' * (len(of) + 1)}")
        for room in sorted({one[2] for one in found}):
            say(f"| {room} | {' | '.join(str(of[outcome][room]) for outcome in of)} |")


def _copy(root: Path) -> Path:
    files = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.splitlines()
    for name in files:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        if (ROOT / name).is_file():
            shutil.copy(ROOT / name, root / name)
    for path in (root / "pipeline/kernels").glob("*.py"):
        path.write_text(re.sub(r"^@(compiled|inlined)\n", "", path.read_text(), flags=re.MULTILINE))
    text = (root / "pyproject.toml").read_text().replace('"--doctest-modules", ', "")
    settings = _SETTINGS.format(
        changed=[f"pipeline/{name}.py" for name in _CHANGED],
        tests=[f"tests/{name}" for name in _TESTS],
        selected=" and ".join(f"not {name}" for name in _NOT),
    )
    (root / "pyproject.toml").write_text(text + settings)
    return root


def _mutmut(root: Path, *arguments: str) -> list[str]:
    environment = os.environ | {"NUMBA_DISABLE_JIT": "1"}
    command = [sys.executable, "-m", "mutmut", *arguments]
    done = subprocess.run(command, cwd=root, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"mutmut {arguments[0]}: {(done.stdout + done.stderr)[-2000:]}")
    return done.stdout.splitlines()


if __name__ == "__main__":
    main()
