"""Compilation of loops: the only module that depends on numba, which may be absent."""

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeVar, cast

if TYPE_CHECKING:
    from torch import Tensor

try:
    import numba
    from llvmlite import ir
    from numba.core import cgutils
    from numba.extending import intrinsic

    from pipeline.kernels.checked_cache import checked
except ImportError:  # the training core needs only torch, numpy and pandas
    numba = None  # type: ignore[assignment]

__all__ = ["AHEAD", "compiled", "inlined", "is_available", "is_compiled_for", "prefetch"]

AHEAD = 8
"""Prefetch distance in rows: memory latency is about the time it takes to process this many."""

_LINE_BYTES, _LINES = 64, 4  # cache lines prefetched per row; the hardware fetches the rest of a longer row
_FAST = {"reassoc", "contract", "arcp", "nsz"}

if numba is not None:
    # Numba looks at the file of a function alone, not at those that it calls: the cache is one of these very kernels.
    _SOURCES = [path.read_bytes() for path in sorted(Path(__file__).parent.glob("*.py"))]
    _SUM = hashlib.sha256(b"".join([numba.__version__.encode(), *_SOURCES])).hexdigest()
    _BASE = numba.config.CACHE_DIR or Path(__file__).with_name("__pycache__")  # type: ignore[attr-defined]
    numba.config.CACHE_DIR = str(Path(_BASE, _SUM[:16]))  # type: ignore[attr-defined]

_F = TypeVar("_F", bound=Callable[..., Any])


def is_available() -> bool:
    """Whether there are compiled loops."""
    return numba is not None


def is_compiled_for(tensor: "Tensor") -> bool:
    """Whether compiled loops can run on ``tensor``."""
    return is_available() and tensor.device.type == "cpu" and tensor.is_contiguous()


def compiled(function: _F) -> _F:
    """Compile on the first call and cache next to the file; without numba, return the function unchanged (it is not called).

    Sums may be reordered and division by zero is not an error, so that loops vectorise; NaN and infinity are preserved.
    """
    return _compiled(function, "never")


def inlined(function: _F) -> _F:
    """The same for a part of a compiled function, made anew within it.

    A part that is a function of its own may be compiled to other sums in a process that compiles it than in one that finds it
    in the cache: other last bits.
    """
    return _compiled(function, "always")


def _compiled(function: _F, inline: Literal["never", "always"]) -> _F:
    if numba is None or _is_interpreted():
        return function
    made = numba.njit(cache=True, nogil=True, fastmath=_FAST, error_model="numpy", inline=inline)(function)
    return cast(_F, checked(made))


def _prefetch_call(_context: Any, rows: Any, row: Any) -> Any:
    """Emit code that prefetches a row of a table without blocking (llvm.prefetch)."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        table = context.make_array(signature.args[0])(context, builder, arguments[0])
        number, byte = ir.IntType(32), ir.IntType(8).as_pointer()
        stride = cgutils.unpack_tuple(builder, table.strides)[0]  # type: ignore[no-untyped-call]
        first, start = builder.bitcast(table.data, byte), builder.mul(arguments[1], stride)
        kind = ir.FunctionType(ir.VoidType(), [byte, number, number, number])
        ask = cgutils.get_or_insert_function(builder.module, kind, "llvm.prefetch.p0")  # type: ignore[no-untyped-call]
        for line in range(_LINES):
            place = builder.gep(first, [builder.add(start, ir.Constant(start.type, _LINE_BYTES * line))])
            builder.call(ask, [place, number(1), number(3), number(1)])  # for writing, highest locality, data cache
        return context.get_dummy_value()

    return numba.void(rows, row), generate


def _is_interpreted() -> bool:
    """Whether NUMBA_DISABLE_JIT is set: loops run as Python, to be debugged, or for their lines to be counted."""
    return bool(numba.config.DISABLE_JIT)  # type: ignore[attr-defined]


def _no_prefetch(_rows: Any, _row: Any) -> None:
    """In a loop that is not compiled."""


prefetch: Any = _no_prefetch if numba is None or _is_interpreted() else intrinsic(_prefetch_call)
"""``prefetch(rows, i)``: prefetch row i."""
