"""The HTTP server: JSON in, JSON out; whatever goes wrong is JSON with a reason."""

import asyncio
import json
import logging
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from importlib.metadata import version
from typing import Any

import torch
from fastapi import FastAPI, HTTPException, Request
from fastapi.responses import JSONResponse, PlainTextResponse, Response
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException as StarletteHTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from pipeline.errors import PmtrecError
from pipeline.ranking.explanation import explain, explain_item, explain_user
from pipeline.ranking.questions import MOST_K, WHAT, WHO, Ask, lists_of, query_of, refuse_unknown
from pipeline.ranking.recommender import Recommender
from pipeline.serving.counts import Counts
from pipeline.serving.state import Served

__all__ = ["LARGEST_BODY", "make_app", "read_json"]

log = logging.getLogger(__name__)

LARGEST_BODY = 8 * 2**20  # bytes
MOST_ASKS = 10_000
MOST_ITEMS = 1_000_000  # in an answer
_SECONDS_TO_READ = 10.0
_BYTES_IN_LOOP = 2**16
_ASKS_IN_LOOP = 100
_SCORES_IN_LOOP = 5_000_000  # more are computed in a thread, so that short requests need not wait for a long one

Handler = Callable[[Recommender, Mapping[str, Any]], Any]


def make_app(served: Served, hosts: Sequence[str] = ("*",)) -> ASGIApp:
    """The application around a model.

    ``POST /recommend``: one question (``user_id`` or ``items``), or many (``users``: ids, or ``asks``: questions), with ``k``,
    ``exclude``, ``only``, ``exclude_seen`` for all; ``POST /similar``: ``item_id``, or many in ``items``; ``POST /explain``:
    ``user_id``, ``item_id`` or both. ``GET /health``, ``/version``, ``/metrics``.

    Args:
        served: The model.
        hosts: Names by which clients may call the server (a page of another site may not).
    """
    torch.set_num_threads(1)  # requests are many and small

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        served.start()
        yield
        served.stop()

    app = FastAPI(title="pmtrec", lifespan=lifespan, docs_url=None, redoc_url=None, openapi_url=None)
    counts = Counts()

    @app.exception_handler(StarletteHTTPException)
    async def _known(_: Request, error: StarletteHTTPException) -> JSONResponse:
        return _error(error.status_code, str(error.detail))

    @app.exception_handler(PmtrecError)
    async def _refused(_: Request, error: PmtrecError) -> JSONResponse:
        return _error(400, str(error))

    @app.exception_handler(Exception)
    async def _bug(_: Request, error: Exception) -> JSONResponse:  # the log has it; no trace of it may reach the client
        return _error(500, f"{type(error).__name__}: this is a bug in pmtrec")

    def answer(path: str, handler: Handler) -> None:
        async def _endpoint(request: Request) -> Response:
            body, size = await read_json(request)
            now = served.now  # one and the same to the end, whatever is loaded meanwhile
            n = sum(len(of) for key in ("users", "asks") if isinstance(of := body.get(key), list)) or 1
            if n > MOST_ASKS:
                raise HTTPException(413, f"{n:,} questions are too many. Fix: send {MOST_ASKS:,} at most")
            k = body.get("k", 10)
            if isinstance(k, int) and k <= MOST_K and n * k > MOST_ITEMS:
                raise HTTPException(413, f"{n * k:,} items are too many for an answer. Fix: ask for {MOST_ITEMS:,} at most")

            def work() -> Response:
                return JSONResponse({"version": now.version, **handler(now.model, body)})

            is_long = size > _BYTES_IN_LOOP or n * now.model.seen.n_items > _SCORES_IN_LOOP or n > _ASKS_IN_LOOP
            return await run_in_threadpool(work) if is_long else work()

        app.add_route(path, _endpoint, methods=["POST"])  # FastAPI's own reading of a body would cost more than the answer

    answer("/recommend", _recommend)
    answer("/similar", _similar)
    answer("/explain", _explain)

    @app.get("/health")
    async def _health() -> dict[str, str]:
        return {"status": "ok"}

    @app.get("/version")
    async def _version() -> dict[str, Any]:
        now = served.now
        about = {key: of for key, of in now.model.about.items() if isinstance(of, str | int | float)}
        return {"model": now.version, "pmtrec": version("pmtrec"), "loaded_in_seconds": round(now.seconds, 3), **about}

    @app.get("/metrics")
    async def _metrics() -> PlainTextResponse:
        return PlainTextResponse(counts.text())

    return _Counted(app, counts, hosts)


class _Counted:
    """Counts requests, and refuses those that call the server by another name."""

    def __init__(self, app: ASGIApp, counts: Counts, hosts: Sequence[str]) -> None:
        self._app, self._counts, self._hosts = app, counts, hosts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started, status = time.perf_counter(), 0

        async def noted(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        host = dict(scope["headers"]).get(b"host", b"").decode("latin-1").rpartition(":")
        if "*" not in self._hosts and (host[0] if host[2].isdigit() else "".join(host)) not in self._hosts:
            await _error(400, "the server is not called so. Fix: start it with the --host that clients use")(
                scope, receive, noted
            )
            return
        try:
            await self._app(scope, receive, noted)
        except Exception as error:  # noqa: BLE001  # was answered already
            log.warning("%s: %s: %s", scope["path"], type(error).__name__, error)
        self._counts.observe(scope["path"], status, time.perf_counter() - started)


async def read_json(request: Request) -> tuple[dict[str, Any], int]:
    """The object in the body of a request, and its size in bytes.

    Raises:
        HTTPException: 400 if it is none, 408 if it does not arrive, 413 if it is too large.
    """

    async def whole() -> bytes:
        found = bytearray()
        async for part in request.stream():
            found += part
            if len(found) > LARGEST_BODY:
                raise HTTPException(413, f"the body is larger than {LARGEST_BODY >> 20} MiB. Fix: send less at a time")
        return bytes(found)

    try:
        text = await asyncio.wait_for(whole(), _SECONDS_TO_READ)
        content = json.loads(text, parse_constant=_refuse)
    except TimeoutError:
        raise HTTPException(408, f"the body did not arrive within {_SECONDS_TO_READ:g} seconds. Fix: send again") from None
    except (ValueError, RecursionError):
        raise HTTPException(400, 'the body is no JSON. Fix: send {"user_id": "..."}') from None
    if not isinstance(content, dict):
        raise HTTPException(400, 'the body must be an object. Fix: send {"user_id": "..."}')
    return content, len(text)


def _refuse(name: str) -> None:
    raise ValueError(f"{name} is no JSON")


def _recommend(model: Recommender, body: Mapping[str, Any]) -> dict[str, Any]:
    refuse_unknown(body, ("users", "asks", *WHO, *WHAT))
    query = query_of({key: of for key, of in body.items() if key in WHAT})
    if "users" not in body and "asks" not in body:
        return lists_of(model, [Ask.of({key: body[key] for key in WHO if key in body}, query)])[0]
    asks = [Ask.of({"user_id": user}, query) for user in _list(body, "users")]
    for row in _list(body, "asks"):
        if not isinstance(row, dict):
            raise HTTPException(400, "asks: must be a list of objects")
        own = {**{key: body[key] for key in WHAT if key in body}, **{key: of for key, of in row.items() if key in WHAT}}
        asks.append(Ask.of({key: of for key, of in row.items() if key not in WHAT}, query_of(own) if own else query))
    return {"answers": lists_of(model, asks)}


def _similar(model: Recommender, body: Mapping[str, Any]) -> dict[str, Any]:
    refuse_unknown(body, ("items", "item_id", "k", "exclude", "only"))
    query = query_of({key: of for key, of in body.items() if key in WHAT})
    if "items" in body:
        return {"answers": lists_of(model, [Ask.of({"item_id": item}, query) for item in _list(body, "items")])}
    return lists_of(model, [Ask.of({"item_id": body.get("item_id")}, query)])[0]


def _explain(model: Recommender, body: Mapping[str, Any]) -> dict[str, Any]:
    refuse_unknown(body, ("user_id", "item_id", "n"))
    n = body.get("n", 5)
    if isinstance(n, bool) or not isinstance(n, int) or not 1 <= n <= 100:  # noqa: PLR2004
        raise HTTPException(400, "n: must be a whole number in 1..100")
    ask = Ask.of({key: body[key] for key in ("user_id", "item_id") if key in body}, query_of({}))
    if ask.user_id is not None and ask.item_id is not None:
        return explain(model, ask.user_id, ask.item_id, n)
    return explain_user(model, ask.user_id, n) if ask.user_id is not None else explain_item(model, str(ask.item_id), n)


def _list(body: Mapping[str, Any], key: str) -> list[Any]:
    found = body.get(key, [])
    if not isinstance(found, list):
        raise HTTPException(400, f"{key}: must be a list")
    return found


def _error(status: int, reason: str) -> JSONResponse:
    return JSONResponse({"error": reason}, status)
