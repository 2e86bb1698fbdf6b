"""Independent random generators, derived from one seed and some names.

Keying every generator by what it is for (``generator(seed, "negatives", task, epoch)``) makes each draw independent of how
many draws anything else made before: a method with side tasks sees the same main-task samples as one without.
"""

import hashlib
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import torch

__all__ = ["numpy_generator", "torch_generator"]


def _derive(seed: int, names: tuple[str | int, ...]) -> int:
    """A 63-bit integer derived from the seed and all names, the same on every machine."""
    text = "\x1f".join([str(seed), *map(str, names)])
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") >> 1


def torch_generator(seed: int, *names: str | int) -> "torch.Generator":
    """A CPU generator for ``torch`` functions, keyed by the seed and the names."""
    import torch  # a second or two, which the stages before training are spared

    return torch.Generator().manual_seed(_derive(seed, names))


def numpy_generator(seed: int, *names: str | int) -> np.random.Generator:
    """A generator for ``numpy`` functions, keyed by the seed and the names."""
    return np.random.default_rng(_derive(seed, names))
