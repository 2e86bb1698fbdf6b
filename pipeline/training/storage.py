"""What a training leaves on disk."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from pipeline.artifacts import check_folder, write_json

if TYPE_CHECKING:  # who reads a model need not know how it was trained, nor who reads a history wait for torch
    from torch import Tensor

    from pipeline.training.learning import Learned

__all__ = ["load_history", "load_tables", "save_learned"]


def save_learned(folder: Path, learned: "Learned", params: Mapping[str, Any]) -> None:
    """Write embeddings, state, history, and ``model.json`` with the params and the best epoch."""
    from safetensors.torch import save

    for file, tensors in (("embeddings", learned.tables), ("state", learned.state)):
        (folder / f"{file}.safetensors").write_bytes(save(dict(tensors)))
    pd.DataFrame(learned.history).to_csv(folder / "history.csv", index=False)
    write_json(folder / "model.json", {"params": params, "best": learned.best()})


def load_tables(folder: Path) -> "dict[str, Tensor]":
    """The tables that rank, of a folder whose bytes are those that were written.

    Raises:
        IntegrityError: If they are not.
    """
    from safetensors.torch import load_file

    tables: dict[str, Tensor] = load_file(check_folder(folder) / "embeddings.safetensors")
    return tables


def load_history(folder: Path) -> pd.DataFrame:
    """A row per epoch."""
    return pd.read_csv(folder / "history.csv")
