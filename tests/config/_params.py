"""The project's params.yaml with something else in it, and read as `check` reads it."""

from pathlib import Path

from pipeline.config.checked import checked_files
from pipeline.config.run_config import RunConfig, read_config
from tests.sources import ROOT
from tests.whole_params import whole_params

OURS = ROOT / "params.yaml"


def changed(folder: Path, old: str, new: str) -> Path:
    text = whole_params()
    assert old in text
    path = folder / "params.yaml"
    path.write_text(text.replace(old, new, 1))
    return path


def read_whole(path: Path) -> RunConfig:
    config = read_config(path)
    list(checked_files(config))
    return config
