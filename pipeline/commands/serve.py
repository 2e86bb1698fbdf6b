"""`pmtrec serve` and `pmtrec app`: HTTP servers in one or several processes."""

import os
import signal
import socket
import tempfile
from collections.abc import Callable

import uvicorn
from fastapi import FastAPI
from starlette.types import ASGIApp
from uvicorn.supervisors import Multiprocess

from pipeline.commands.asking import source_of
from pipeline.errors import MachineError
from pipeline.serving.counts import MULTIPROCESS
from pipeline.serving.http import make_app
from pipeline.serving.source import Source
from pipeline.serving.state import Served
from pipeline.terminal.parent import end_with_parent
from pipeline.terminal.screen import say

__all__ = ["page", "page_app", "serve", "worker"]

_SOURCE, _POLL, _INDEX, _HOST = (f"PMTREC_SERVE_{name}" for name in ("SOURCE", "POLL", "INDEX", "HOST"))
_CONNECTIONS = 1_000  # at once; more are told to come back


def serve(source: str | None, host: str, port: int, workers: int, poll: float, index: bool) -> None:
    """Serve until the process is told to end; its workers end with it."""
    found = source_of(source)
    version = found.load()[1]  # what is wrong with it is said here, in one line
    what = "POST /recommend, /similar, /explain; GET /health, /version, /metrics"
    with tempfile.TemporaryDirectory() as counts:
        os.environ |= {_SOURCE: found.name, _POLL: str(poll), _INDEX: str(int(index))}
        if workers > 1:
            os.environ[MULTIPROCESS] = counts
        _run("pipeline.commands.serve:worker", host, port, lambda at: f"{version} on {at}: {what}", workers)


def worker() -> ASGIApp:
    """The application of one process."""
    if os.environ.get(MULTIPROCESS):
        end_with_parent(signal.SIGKILL)  # a worker that is at work would not hear anything else
    source = Source(os.environ[_SOURCE])
    return make_app(Served(source, float(os.environ[_POLL]), index=os.environ[_INDEX] == "1"), hosts())


def hosts() -> list[str]:
    """Names by which the server may be called: of this machine alone while it listens to no other."""
    host = os.environ.get(_HOST, "")
    return ["127.0.0.1", "localhost", "[::1]"] if host in ("127.0.0.1", "localhost", "::1") else ["*"]


def page(host: str, port: int) -> None:
    """Serve the page of the project in the current folder."""
    _run("pipeline.commands.serve:page_app", host, port, "The page is {}; stop it with Ctrl+C".format)


def page_app() -> FastAPI:
    """The application of the page."""
    from pathlib import Path

    from pipeline.serving.page import make_page

    return make_page(Path(), hosts())


def _run(app: str, host: str, port: int, words: Callable[[str], str], workers: int = 1) -> None:
    """Listen, say where, and serve.

    Raises:
        MachineError: If the address cannot be had.
    """
    # asyncio switches Nagle's algorithm off for sockets that say they are TCP, and uvicorn's own does not: 40 ms an answer.
    kind = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(kind, socket.SOCK_STREAM, socket.IPPROTO_TCP) as shared:
        shared.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            shared.bind((host, port))
        except OSError as error:
            raise MachineError(f"{host}:{port}: {error.strerror or error}. Fix: write another --port or --host") from error
        shared.set_inheritable(True)
        os.environ[_HOST] = host
        say(words(f"http://{host}:{shared.getsockname()[1]}"))
        config = uvicorn.Config(
            app,
            factory=True,
            workers=workers,
            log_level="warning",
            access_log=False,
            limit_concurrency=_CONNECTIONS,
            timeout_keep_alive=30,
            timeout_graceful_shutdown=10,
        )
        if workers == 1:
            uvicorn.Server(config).run(sockets=[shared])
        else:
            Multiprocess(config, sockets=[shared]).run()
