"""An end to waiting: a server that sends a byte now and then is never silent for long enough to be given up by a socket."""

import signal
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from types import FrameType
from typing import TYPE_CHECKING, Any, NoReturn, cast

if TYPE_CHECKING:
    from mlflow import MlflowClient

__all__ = ["Overdue", "prompt", "transfer", "within"]

_CALL = 30.0  # seconds that a call may take
_TRANSFER = 3600.0  # and one that sends or gets files
_AGAIN = 1.0  # seconds after which it is said once more, if a library has swallowed it
_TRANSFERS = ("log_artifact", "log_model_artifact", "download_artifacts")


class Overdue(BaseException):
    """Not an ``Exception``, which a client would take for a reason to try again; also comes out if it comes as a block ends."""


@contextmanager
def within(seconds: float) -> Iterator[None]:
    """Do a piece of work, but not for longer than this; of two around each other the sooner counts.

    It needs the main thread of a process on Unix; elsewhere there is no deadline.

    Raises:
        TimeoutError: If the time is over.
    """
    if threading.current_thread() is not threading.main_thread() or not hasattr(signal, "setitimer"):
        yield
        return
    if 0 < signal.getitimer(signal.ITIMER_REAL)[0] <= seconds:
        yield
        return

    def over(_number: int, _frame: FrameType | None) -> NoReturn:
        raise Overdue("no answer in time")

    before = signal.signal(signal.SIGALRM, over)
    left, _ = signal.setitimer(signal.ITIMER_REAL, seconds, _AGAIN)
    try:
        try:
            yield
        finally:
            unused, _ = signal.setitimer(signal.ITIMER_REAL, 0)
    except Overdue:
        unused = 0.0
        raise TimeoutError(f"no answer within {seconds:g} s") from None
    finally:
        signal.signal(signal.SIGALRM, before)
        if left:  # of the work around this one
            signal.setitimer(signal.ITIMER_REAL, max(left - seconds + unused, 0.001), _AGAIN)


def transfer() -> AbstractContextManager[None]:
    """The deadline of what sends or gets files."""
    return within(_TRANSFER)


def prompt(client: "MlflowClient") -> "MlflowClient":
    """The same client, each of whose calls has a deadline."""
    return cast("MlflowClient", _Prompt(client))


class _Prompt:
    def __init__(self, client: "MlflowClient") -> None:
        self._client = client

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._client, name)
        if not callable(found):
            return found

        def call(*arguments: Any, **named: Any) -> Any:
            with within(_TRANSFER if name.startswith(_TRANSFERS) else _CALL):
                return found(*arguments, **named)

        return call
