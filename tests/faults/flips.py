"""Flipped bits and cut files of every kind that is read: refused by name, or without consequence; never another number."""

import random
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

from pipeline.errors import PmtrecError
from tests.faults.outputs import content_of
from tests.project import Project

__all__ = ["damage", "flips"]

Reader = Callable[[Project], object]


def flips(project: Project, scratch: Path, n_flips: int, seed: int) -> Iterator[tuple[str, str, list[str]]]:
    """File, what was done to it and what was wrong, for each flip or cut; stages run in this process.

    Args:
        project: A finished one, in the environment of which the stages run.
        scratch: Where damaged outputs are kept apart.
        n_flips: Number of files to damage, one at a time.
        seed: Which, and where.
    """
    draw = random.Random(seed)
    place = project.dataset
    readers: dict[str, tuple[Reader, list[str]]] = {
        f"processed/{place}": (lambda of: of.evaluate("pmtrec"), [project.result("pmtrec")]),
        f"tasks/{place}": (lambda of: of.train("equal_weights"), [project.model("equal_weights")]),
        project.model("pmtrec"): (lambda of: of.evaluate("pmtrec"), [project.result("pmtrec")]),
        project.result("pmtrec"): (lambda of: of.compare(), []),
        "collected": (lambda of: of.track(), []),
        f"refits/{place}": (lambda of: of.track(), []),
    }
    files = [(folder, file) for folder in readers for file in sorted((project.root / folder).rglob("*")) if file.is_file()]
    for _ in range(n_flips):
        folder, file = draw.choice(files)
        reader, outs = readers[folder]
        before = {out: content_of(project.root / out) for out in outs}
        whole = file.read_bytes()
        what = damage(draw, file, whole)
        wrong = []
        is_refused = True
        try:
            reader(project)
            is_refused = False
        except PmtrecError as error:
            if "\n" in str(error) or "Fix: " not in str(error):
                wrong.append(f"said {str(error)!r}")
        except Exception as error:  # noqa: BLE001  # the very thing that is looked for
            wrong.append(f"{type(error).__name__}: {error}")
        file.write_bytes(whole)
        for out, content in before.items():
            if content_of(project.root / out) != content:
                wrong.append(f"{out}: other bytes")
                shutil.rmtree(project.root / out, ignore_errors=True)
                shutil.copytree(scratch / out, project.root / out)
        yield file.relative_to(project.root).as_posix(), f"{what}-{'refused' if is_refused else 'unread'}", wrong


def damage(draw: random.Random, file: Path, whole: bytes) -> str:
    """Flip one bit of a file, or cut it; what was done."""
    content = bytearray(whole)
    if draw.random() < 0.2 or not content:  # a fifth of them
        length = draw.randrange(max(len(content), 1))
        file.write_bytes(content[:length])
        return "cut"
    place = draw.randrange(len(content))
    content[place] ^= 1 << draw.randrange(8)
    file.write_bytes(content)
    return "bit"
