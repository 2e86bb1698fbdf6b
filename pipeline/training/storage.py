"""What a training leaves on disk."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from pipeline.integrity import check_folder, write_json

if TYPE_CHECKING:  # who reads a model need not know how it was trained, nor who reads a history wait for torch
    from torch import Tensor

    from pipeline.training.learning import Learned

__all__ = ["load_history", "load_tables", "load_weights", "save_learned"]


def save_learned(folder: Path, learned: "Learned", params: Mapping[str, Any]) -> None:
    """Write embeddings, state, weights of tasks, history, and ``model.json`` with params, best epoch and names of the tasks."""
    from safetensors.torch import save

    for file, tensors in (("embeddings", learned.tables), ("state", learned.state), ("weights", learned.weights)):
        (folder / f"{file}.safetensors").write_bytes(save(dict(tensors)))
    pd.DataFrame(learned.history).to_csv(folder / "history.csv", index=False)
    about = {"params": params, "best": learned.best(), "tasks": list(learned.tasks)}
    write_json(folder / "model.json", about)


def load_weights(folder: Path) -> "dict[str, Tensor]":
    """The tasks' weights for single users and items."""
    from safetensors.torch import load_file

    weights: dict[str, Tensor] = load_file(folder / "weights.safetensors")
    return weights


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
