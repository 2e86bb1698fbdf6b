"""Where a training runs, and that it gives the same bits each time."""

import os

import torch

from pipeline.errors import MachineError

__all__ = ["make_deterministic", "pick_device"]


def pick_device(name: str) -> torch.device:
    """Device by name; ``"auto"`` prefers CUDA, then Apple's MPS, then the CPU.

    Raises:
        MachineError: If the device is not available on this machine.
    """
    available = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    if name == "auto":
        return torch.device(next(device for device, there in available.items() if there))
    if not available[name]:
        raise MachineError(f"train.device: {name} is not available on this machine. Fix: use auto or cpu")
    return torch.device(name)


def make_deterministic(threads: int) -> None:
    """Same seed, same bits, whatever the number of threads; for the whole process."""
    # The same as use_deterministic_algorithms(True), which also imports torch's compiler: seconds, and nothing here compiles.
    torch.set_deterministic_debug_mode("error")
    # Otherwise every new tensor would be filled once before it is written.
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]
    torch.set_num_threads(threads)
    # Read by cuBLAS at start-up; without it, deterministic mode rejects matrix products on CUDA.
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
