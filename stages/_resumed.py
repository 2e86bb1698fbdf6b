"""Where a stage that was interrupted goes on."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pipeline.integrity import dvc_hash, read_json
from pipeline.training.checkpoint import Checkpoints, checkpoints_in, checkpoints_root

__all__ = ["checkpoints_of"]


def checkpoints_of(name: str, checked: Path, determining: Any, inputs: Sequence[Path]) -> Checkpoints:
    """The checkpoints of a training; they go on from where it was interrupted, unless ``train.resume`` is false.

    Args:
        name: Of the training.
        checked: The folder ``data/checked``. Whether to resume is in a file of its own, so that changing it retrains nothing.
        determining: What its result depends on beside the inputs, as JSON.
        inputs: Folders.
    """
    resume = read_json(checked / "resume.json")["resume"]
    return checkpoints_in(checkpoints_root(), name, determining, [dvc_hash(path) for path in inputs], resume=resume)
