"""A committed copy of the project, in which a test runs DVC and the commands as people do."""

import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from tests.sources import ROOT

__all__ = ["Clone"]


@dataclass(frozen=True)
class Clone:
    """Made by `committed`: of two methods and short trainings, on the demo data."""

    root: Path

    @classmethod
    def committed(cls, root: Path) -> Self:
        clone = cls(root)
        files = subprocess.run(["git", "ls-files", "-co", "--exclude-standard"], cwd=ROOT, capture_output=True, check=True)
        for name in files.stdout.decode().splitlines():
            if (ROOT / name).is_file() and name != "dvc.lock":
                (root / name).parent.mkdir(parents=True, exist_ok=True)
                (root / name).write_bytes((ROOT / name).read_bytes())
            elif (ROOT / name).is_dir():  # a link to a folder
                shutil.copytree(ROOT / name, root / name)
        clone.change("  epochs: 200", "  epochs: 1")
        clone.change("- equal_weights\n", "")
        clone.change("- pmtrec_inverse\n- ials_attributes\n", "")
        clone.change("  method: ials_attributes  #", "  method: pmtrec  #")
        author = ["-c", "user.name=test", "-c", "user.email=test@localhost"]
        for command in (["init", "-q"], ["add", "."], [*author, "commit", "-qm", "start"]):
            subprocess.run(["git", *command], cwd=root, check=True)
        return clone

    def change(self, old: str, new: str, file: str = "params.yaml") -> None:
        text = (self.root / file).read_text()
        assert old in text
        (self.root / file).write_text(text.replace(old, new, 1))

    def dvc(self, *arguments: str, code: int = 0) -> str:
        return self.run("dvc", *arguments, code=code)

    def run(self, module: str, *arguments: str, code: int = 0) -> str:
        command = [sys.executable, "-m", module, *arguments]
        done = subprocess.run(command, cwd=self.root, env=self.environment(), capture_output=True, text=True, check=False)
        output = done.stdout + done.stderr
        assert done.returncode == code, output
        return output

    @staticmethod
    def environment() -> dict[str, str]:
        """In which DVC finds this Python, and nothing of whoever runs the test."""
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        return {key: of for key, of in os.environ.items() if not key.startswith(("DVC", "MLFLOW"))} | {"PATH": path}

    def repro(self) -> dict[str, list[str]]:
        """The stages that ran, and those whose outputs came from the cache."""
        output = self.dvc("repro")
        cached = re.findall(r"Stage '([^']+)' is cached", output)
        return {"ran": sorted(re.findall(r"Running stage '([^']+)'", output)), "cached": sorted(cached)}
