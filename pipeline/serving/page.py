"""The page to look at: users, items, reasons, task weights, the board of a project. Its look is in static/index.html."""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import pandas as pd
import torch
from fastapi import FastAPI, HTTPException, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, JSONResponse
from starlette.exceptions import HTTPException as StarletteHTTPException
from starlette.middleware.trustedhost import TrustedHostMiddleware

from pipeline.errors import PmtrecError
from pipeline.integrity import check_folder
from pipeline.ranking.explanation import explain, explain_item, explain_user
from pipeline.ranking.questions import Ask, lists_of, query_of
from pipeline.ranking.recommender import Recommender
from pipeline.reports.colours import colour
from pipeline.serving.source import REFITS, Source

__all__ = ["make_page"]

_MODELS_IN_MEMORY = 16
_FOUND = 50  # ids that a search shows

Content = dict[str, Any]


def make_page(root: Path, hosts: Sequence[str] = ("*",)) -> FastAPI:
    """The application.

    Args:
        root: The project: its folders ``models``, ``refits`` and ``reports`` are shown, as they are when a page is asked for.
        hosts: Names by which it may be called.
    """
    torch.set_num_threads(1)
    app = FastAPI(title="pmtrec", docs_url=None, redoc_url=None, openapi_url=None)
    html = Path(__file__).with_name("static").joinpath("index.html").read_text(encoding="utf-8")

    @lru_cache(_MODELS_IN_MEMORY)
    def model(name: str, _written: int) -> Recommender:
        return Source(name, root).load()[0]

    def opened(name: str) -> Recommender:
        if name not in {one["name"] for one in _trained(root)}:  # a page opens nothing else on this machine
            raise HTTPException(404, f"{name[:100]}: there is no such model here")
        return model(name, _written(root, name))

    @app.exception_handler(PmtrecError)
    async def _refused(_: Request, error: PmtrecError) -> JSONResponse:
        return JSONResponse({"error": str(error)}, 400)

    @app.exception_handler(StarletteHTTPException)
    async def _known(_: Request, error: StarletteHTTPException) -> JSONResponse:
        return JSONResponse({"error": str(error.detail)}, error.status_code)

    @app.exception_handler(RequestValidationError)
    async def _unread(_: Request, error: RequestValidationError) -> JSONResponse:
        first = error.errors()[0]
        return JSONResponse({"error": f"{first['loc'][-1]}: {first['msg']}"}, 422)

    @app.get("/", response_class=HTMLResponse)
    def _home() -> str:
        return html

    @app.get("/api/models")
    def _models() -> Content:
        return {"models": _trained(root), "board": _board(root)}

    @app.get("/api/find")
    def _find(model: str, kind: str, text: str = "") -> Content:
        found = opened(model)
        ids = found.user_ids.index if kind == "user" else found.item_ids.index
        wanted = text.lower()
        titles = found.titles if kind == "item" else {}
        names = (str(name) for name in ids if wanted in f"{name} {titles.get(name, '')}".lower())
        first = [name for name, _ in zip(names, range(_FOUND), strict=False)]
        return {"ids": [{"id": name, "title": titles.get(name, name)} for name in first], "n": len(ids)}

    @app.get("/api/user")
    def _user(models: str, user: str, k: int = 10) -> Content:
        names = models.split(",")
        lists = [{"model": name, **_list(opened(name), user, k)} for name in names]
        return {"about": _titled(explain_user(opened(names[0]), user, _FOUND)), "lists": lists}

    @app.get("/api/item")
    def _item(model: str, item: str) -> Content:
        return explain_item(opened(model), item)

    @app.get("/api/why")
    def _why(model: str, user: str, item: str) -> Content:
        return explain(opened(model), user, item)

    app.add_middleware(TrustedHostMiddleware, allowed_hosts=list(hosts))
    return app


def _list(model: Recommender, user: str, k: int) -> Content:
    (answer,) = lists_of(model, [Ask.of({"user_id": user}, query_of({"k": k}))])
    items = [{"id": item, "title": model.titles.get(item, item)} for item in answer["items"]]
    rows = [{**item, "score": score} for item, score in zip(items, answer["scores"], strict=True)]
    return {"basis": answer["basis"], "items": rows, "weights": explain_user(model, user, 1)["weights"]}


def _titled(about: Mapping[str, Any]) -> Content:
    return {**about, "history": [{"id": one["item_id"], "title": one["title"]} for one in about["history"]]}


def _trained(root: Path) -> list[Content]:
    """All trainings on disk, those on everything first."""
    found = [
        {"name": f"{REFITS}/{path.name}", "dataset": path.name, "label": "the best, trained on everything", "colour": "#222"}
        for path in _folders(root / REFITS)
    ]
    for dataset in _folders(root / "models"):
        for method in _folders(dataset):
            for seed in _folders(method):
                name = seed.relative_to(root / "models").as_posix()
                label = f"{method.name}, seed {seed.name}"
                found.append({"name": name, "dataset": dataset.name, "label": label, "colour": colour(method.name)})
    if not found:
        raise HTTPException(404, "there are no models here. Fix: run dvc repro in this folder")
    return found


def _folders(folder: Path) -> list[Path]:
    return sorted(path for path in folder.glob("*") if path.is_dir() and not path.name.startswith("."))


def _board(root: Path) -> list[Content]:
    """Mean and 95% interval of every method, the best first; nothing before the first report."""
    if not (root / "reports/board.csv").is_file():
        return []
    board = pd.read_csv(check_folder(root / "reports") / "board.csv")
    rows = [{str(key): of for key, of in row.items()} for row in board.to_dict("records")]
    return [{**row, "colour": colour(str(row["method"]))} for row in rows]


def _written(root: Path, name: str) -> int:
    """When the folder of a model was written, so that a new one is read."""
    parts = name.split("/")
    folder = root / name if parts[0] == REFITS else root / "models" / name
    return folder.stat().st_mtime_ns if folder.is_dir() else 0
