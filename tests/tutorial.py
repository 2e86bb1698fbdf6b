"""Runs the consoles of a page as a reader would type them, and holds what the page shows against what comes.

python -m tests.tutorial    # writes what comes into the page
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from tests.sources import ROOT
from tests.web import answers

__all__ = ["EXPERIMENTS", "PAGE", "blocks", "same", "typed", "wheel"]

PAGE = ROOT / "docs/tutorials/serve-own-data.md"
EXPERIMENTS = ROOT / "docs/how-to/experiments.md"

_QUIET = ("dvc ", "git ", "sleep ", "mkdir ", "pmtrec batch", "pmtrec init")  # what they say is long, or depends on the machine
_BLOCK = re.compile(r"```(console|python)\n(.*?)```", re.DOTALL)


def wheel(folder: Path) -> Path:
    """The built wheel, unpacked: what `pip install` would put in place. Built from a copy, as building leaves files behind."""
    source = folder / "source"
    source.mkdir()
    for name in ("pyproject.toml", "README.md", "LICENSE", "dvc.yaml", "params.yaml"):
        shutil.copy(ROOT / name, source)
    for name in ("pipeline", "stages"):
        shutil.copytree(ROOT / name, source / name, symlinks=True, ignore=shutil.ignore_patterns("__pycache__"))
    command = [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "--no-build-isolation", "-w", str(folder), str(source)]
    subprocess.run(command, check=True, capture_output=True)
    (built,) = folder.glob("*.whl")
    subprocess.run([sys.executable, "-m", "zipfile", "-e", str(built), str(folder / "installed")], check=True)
    return folder / "installed"


def blocks(page: Path) -> list[tuple[str, str]]:
    """(language, text) of the page."""
    return _BLOCK.findall(page.read_text(encoding="utf-8"))


def typed(page: Path, folder: Path, installed: Path) -> Iterator[tuple[str, str, str]]:
    """(command, what the page shows, what comes) of every command, in a folder.

    Args:
        page: Whose blocks are run.
        folder: Where, empty.
        installed: The package, see ``wheel``.
    """
    (folder / "bin").mkdir()
    script = f'#!/bin/sh\nexec {sys.executable} -m pipeline.commands.main "$@"\n'
    (folder / "bin/pmtrec").write_text(script)
    (folder / "bin/pmtrec").chmod(0o755)
    path = os.pathsep.join([str(folder / "bin"), str(Path(sys.executable).parent), os.environ["PATH"]])
    ours = {key: value for key, value in os.environ.items() if not key.startswith(("DVC", "MLFLOW"))}
    env = {**ours, "PATH": path, "PYTHONPATH": str(installed), "COLUMNS": "100", "PYTHONUNBUFFERED": "1"}
    current, servers = folder / "work", []
    current.mkdir()
    shutil.copytree(ROOT / "tests/own_data", folder / "own")
    try:
        for language, text in blocks(page):
            if language == "python":
                subprocess.run([sys.executable, "-c", text], cwd=current, env=env, check=True)
                continue
            for command, shown in re.findall(r"^\$ (.*)\n((?:(?!\$ ).*\n)*)", text, re.MULTILINE):
                if command.startswith("cd "):
                    current /= command.removeprefix("cd ")
                    output = ""
                elif command.endswith(" &"):
                    servers.append(subprocess.Popen(command.removesuffix(" &").split(), cwd=current, env=env))
                    answers(int(command.split("--port ")[1].split()[0]))
                    output = ""
                elif command.startswith("pip install"):
                    output = ""
                else:
                    done = subprocess.run(
                        ["sh", "-c", command], cwd=current, env=env, capture_output=True, text=True, check=False
                    )
                    assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
                    output = done.stdout + (done.stderr if command == "pmtrec inspect" else "")
                    output = "" if command.startswith(_QUIET) else output
                    output = output and output.rstrip("\n") + "\n"
                yield command, shown, output
    finally:
        for server in servers:
            server.terminate()
            server.wait(20)


def same(shown: str, came: str) -> bool:
    """Whether two outputs are the same but for numbers, ids that depend on them, and the width of columns."""

    def plain(text: str) -> str:
        text = re.sub(r"\b[pc]\d{3}\b|\b(Tea|Coffee|Cocoa|Juice|Water) No\. \d+", "ID", text)
        text = re.sub(r"[-+]?\d[\d.,e+-]*", "0", text)
        text = re.sub(r"\b(single_task|equal_weights|pmtrec_inverse|pmtrec|ials_attributes)\b", "METHOD", text)
        return re.sub(r"[\s─━┏┓┗┛┡┩┳┻╇└┘┴┬│┃]+", " ", text)

    return plain(shown) == plain(came)


def main() -> None:
    """Write what comes into the page."""
    text = PAGE.read_text(encoding="utf-8")
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        installed = wheel(root)
        for command, shown, came in typed(PAGE, root, installed):
            place = text.index(f"$ {command}\n") + len(command) + 3
            assert text[place:].startswith(shown)
            text = text[:place] + came + text[place + len(shown) :]
    PAGE.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
