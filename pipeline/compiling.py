"""How loops are compiled: the one place that knows numba, and that it may be absent."""

from collections.abc import Callable
from typing import Any, TypeVar, cast

from torch import Tensor

try:
    import numba
    from llvmlite import ir
    from numba.core import cgutils
    from numba.extending import intrinsic
except ImportError:  # the training core needs torch, numpy and pandas alone
    numba = None  # type: ignore[assignment]

__all__ = ["AHEAD", "compiled", "is_compiled_for", "prefetch"]

AHEAD = 8
"""Rows to ask for ahead of their use: the memory answers in about the time that so many take."""

_LINE_BYTES, _LINES = 64, 4  # of the cache; the rest of a longer row comes by itself
# A change of this file leaves machine code that numba has cached for the files that use it: remove their __pycache__.
_FAST = {"reassoc", "contract", "arcp", "nsz"}
_F = TypeVar("_F", bound=Callable[..., Any])


def is_compiled_for(tensor: Tensor) -> bool:
    """Whether compiled loops can work on ``tensor``."""
    return numba is not None and tensor.device.type == "cpu" and tensor.is_contiguous()


def compiled(function: _F) -> _F:
    """Compile at the first call, cached beside the file; where numba is absent, the function as it is (nobody calls it then).

    Sums may be reordered and a division by zero is no error, so that loops vectorise; NaN and infinity stay what they are.
    """
    if numba is None:
        return function
    return cast(_F, numba.njit(cache=True, nogil=True, fastmath=_FAST, error_model="numpy")(function))


def _prefetch_call(_context: Any, rows: Any, row: Any) -> Any:
    """Code that asks the memory for a row of a table, without waiting for it (llvm.prefetch)."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        table = context.make_array(signature.args[0])(context, builder, arguments[0])
        number, byte = ir.IntType(32), ir.IntType(8).as_pointer()
        stride = cgutils.unpack_tuple(builder, table.strides)[0]  # type: ignore[no-untyped-call]
        first, start = builder.bitcast(table.data, byte), builder.mul(arguments[1], stride)
        kind = ir.FunctionType(ir.VoidType(), [byte, number, number, number])
        ask = cgutils.get_or_insert_function(builder.module, kind, "llvm.prefetch.p0")  # type: ignore[no-untyped-call]
        for line in range(_LINES):
            place = builder.gep(first, [builder.add(start, ir.Constant(start.type, _LINE_BYTES * line))])
            builder.call(ask, [place, number(1), number(3), number(1)])  # to write, into the nearest cache, data
        return context.get_dummy_value()

    return numba.void(rows, row), generate


prefetch: Any = intrinsic(_prefetch_call) if numba is not None else None
"""``prefetch(rows, i)`` in a compiled loop."""
