"""Nested state as tensors and JSON, so that it can be stored without pickle."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

__all__ = ["adam_state", "joined_state", "load_adam_state", "split_state"]


def split_state(state: Any) -> tuple[dict[str, Tensor], Any]:
    """Tensors by number, on the CPU, and the rest as JSON that refers to them.

    Args:
        state: Mappings, lists, tuples, tensors, numbers, text, ``None``; keys are text or numbers.
    """
    tensors: dict[str, Tensor] = {}

    def plain(value: Any) -> Any:
        if isinstance(value, Tensor):
            name = str(len(tensors))
            # A copy of its own: two views of one memory, and what goes on to be trained, cannot be written.
            tensors[name] = value.detach().cpu().clone(memory_format=torch.contiguous_format)
            return {"tensor": name}
        if isinstance(value, Mapping):
            return {"pairs": [[key, plain(of)] for key, of in value.items()]}
        if isinstance(value, list | tuple):
            return [plain(of) for of in value]
        return value

    return tensors, plain(state)


def joined_state(tensors: Mapping[str, Tensor], rest: Any) -> Any:
    """What ``split_state`` was given; tuples are lists."""
    if isinstance(rest, list):
        return [joined_state(tensors, of) for of in rest]
    if isinstance(rest, Mapping):
        if "tensor" in rest:
            return tensors[rest["tensor"]]
        return {key: joined_state(tensors, of) for key, of in rest["pairs"]}
    return rest


def adam_state(optimiser: torch.optim.Optimizer) -> dict[int, Any]:
    """Moments and counts; learning rates and the like are those that it is made with."""
    found: dict[int, Any] = optimiser.state_dict()["state"]
    return found


def load_adam_state(optimiser: torch.optim.Optimizer, state: Mapping[int, Any]) -> None:
    """Take over what ``adam_state`` has given."""
    optimiser.load_state_dict({"state": dict(state), "param_groups": optimiser.state_dict()["param_groups"]})
