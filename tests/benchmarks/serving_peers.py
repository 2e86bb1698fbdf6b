"""Peers that serve: run by the Python of their own environment, `python serving_peers.py <library> <folder> <port>`.

The folder has `users.npy` and `items.npy` (embeddings) and `seen.npz` (who has what): see `tests.benchmarks.serving`.
"""

import os
import sys
from collections import OrderedDict
from pathlib import Path

import numpy as np
import scipy.sparse


def implicit_app(folder: Path) -> None:
    """Implicit's own recommend in the event loop of FastAPI, one process."""
    import uvicorn
    from fastapi import FastAPI
    from fastapi.responses import JSONResponse
    from implicit.cpu.als import AlternatingLeastSquares

    seen = scipy.sparse.csr_matrix(scipy.sparse.load_npz(folder / "seen.npz"))
    model = AlternatingLeastSquares(factors=64, num_threads=1)
    model.user_factors, model.item_factors = (np.load(folder / f"{kind}.npy") for kind in ("users", "items"))
    app = FastAPI()

    @app.get("/recommend")
    async def recommend(uid: str, k: int = 10) -> JSONResponse:
        items, scores = model.recommend(int(uid), seen[int(uid)], N=k)
        return JSONResponse({"items": [str(item) for item in items], "scores": scores.tolist()})

    uvicorn.run(app, host="127.0.0.1", port=int(sys.argv[3]), log_level="warning", access_log=False)


def cornac_app(folder: Path) -> None:
    """Cornac's own serving application under gunicorn, one process of eight threads."""
    from cornac.data import Dataset
    from cornac.models import BPR

    seen = scipy.sparse.coo_array(scipy.sparse.load_npz(folder / "seen.npz"))
    users, items = (np.load(folder / f"{kind}.npy") for kind in ("users", "items"))
    names = [OrderedDict((str(n), n) for n in range(len(table))) for table in (users, items)]
    triples = (*(place.astype(int) for place in seen.coords), np.ones(seen.nnz))
    data = Dataset(len(users), len(items), *names, triples, seed=0)
    bias = np.zeros(len(items), np.float32)
    model = BPR(k=64, trainable=False, seed=0, init_params={"U": users, "V": items, "Bi": bias}).fit(data)
    model.save(str(folder), save_trainset=True)
    os.environ |= {"MODEL_PATH": str(folder / "BPR"), "MODEL_CLASS": "cornac.models.BPR"}
    place = ["-b", f"127.0.0.1:{sys.argv[3]}", "-w", "1", "--threads", "8", "--keep-alive", "30"]
    os.execv(sys.executable, [sys.executable, "-m", "gunicorn", *place, "cornac.serving.app:app"])  # noqa: S606


if __name__ == "__main__":
    {"implicit": implicit_app, "cornac": cornac_app}[sys.argv[1]](Path(sys.argv[2]))
