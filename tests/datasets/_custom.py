"""Small own data sets for the tests."""

from pathlib import Path
from typing import Any

from pipeline.data.tables import RawTables
from pipeline.datasets.custom import custom

CLICKS = "user,item,stars,when\nu1,007,4.5,1700000000\nu2,NA,3,1700000001\n"
COLUMNS = {"user": "user", "item": "item", "rating": "stars", "timestamp": "when"}
FRIENDS = "a,b,strength\nu1,u2,0.5\nu2,u3,2\n"


def read(folder: Path, interactions: dict[str, Any], relations: dict[str, Any] | None = None) -> RawTables:
    """As the stages do: fetch into a folder, then read that folder."""
    dataset = custom({"interactions": interactions, "relations": relations or {}})
    raw = folder / "raw"
    raw.mkdir()
    dataset.fetch(raw)
    return dataset.read(raw)


def written(folder: Path, content: str | bytes, name: str = "clicks.csv") -> str:
    (folder / name).write_bytes(content.encode() if isinstance(content, str) else content)
    return str(folder / name)
